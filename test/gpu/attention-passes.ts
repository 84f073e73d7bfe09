import * as tf from '@tensorflow/tfjs-core';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { attention, type CacheDtype, KvCache } from '../../kernels/ops/attention/index.js';
import { ropeAppend, rotation } from '../../kernels/ops/rope/index.js';
import { readAll } from '../../kernels/tfjs.js';
import { values } from '../kernels/backend.js';
import { type Rows, ragged } from '../kernels/ragged.js';

export interface AttentionCase {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly pageSize: number;
  readonly window: number | null;
  readonly norms?: boolean;
  readonly dtype?: CacheDtype;
  /** All angles zero: keys are stored as they come. */
  readonly isStill?: boolean;
}

/** Appends and attends, a pass after the other over one cache; the rows' own values come from their positions. */
export async function runAttention(
  backend: 'webgpu' | 'cpu',
  shape: AttentionCase,
  passes: readonly (readonly Rows[])[],
) {
  await chooseBackend(backend);
  const { heads, kvHeads, headDim, pageSize, window, norms, dtype = 'f32', isStill } = shape;
  const cache = new KvCache({ layers: 2, pages: 40, pageSize, kvHeads, headDim, dtype });
  const width = (heads + 2 * kvHeads) * headDim;
  const outputs: Float32Array[] = [];
  for (const sequences of passes) {
    const rows = ragged(sequences, pageSize);
    const T = rows.positions.length;
    // A sequence is named by its first page.
    const own = Array.from(rows.positions, (p, t) => values(width, 1 + p + 1000 * rows.pages[rows.tables[t]]));
    const out = tf.tidy(() => {
      const angles = rotation(
        rows.positions,
        Float64Array.from({ length: headDim / 2 }, (_, i) => (isStill ? 0 : 10 ** -i)),
      );
      const norm = norms ? tf.tensor1d(values(headDim, 7)) : null;
      const attributes = { cache, layer: 1, rows, heads };
      const qkv = tf.tensor2d(
        own.flatMap((row) => [...row]),
        [T, width],
      );
      const q = ropeAppend(qkv, { ...attributes, angles, epsilon: 1e-6, qNorm: norm, kNorm: norm });
      return attention(q, { ...attributes, scale: 0.5, window });
    });
    outputs.push((await readAll([out]))[0] as Float32Array);
    out.dispose();
  }
  cache.dispose();
  return outputs;
}
