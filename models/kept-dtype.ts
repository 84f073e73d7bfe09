import * as tf from '@tensorflow/tfjs-core';
import { readsFloat16 } from '../kernels/backends/names.js';
import { type WeightDtype, weightDtypes } from '../kernels/ops/linear/index.js';
import { isQuantised } from '../kernels/ops/linear/quantise.js';
import { AttsError } from '../src/errors.js';
import type { Checkpoint, StoredDtype } from './checkpoint/checkpoint.js';
import { groupDtypes } from './checkpoint/gguf/blocks.js';

/** The dtype in which a stored one is kept with `auto`: the smallest that loses nothing. */
const kept: Readonly<Record<StoredDtype, WeightDtype>> = { F32: 'f32', F16: 'f16', BF16: 'bf16', ...groupDtypes };

/**
 * A model of so few values stays in the processor's caches, where widening bfloat16 costs more than it saves: its
 * weights are widened once, to the same bits.
 */
const mostCachedValues = 8 * 2 ** 20;

/**
 * How tensors that are kept in one matrix are kept: as each would be, the wider of floating types, and int8, which is the
 * finest grid, where their groups differ.
 */
export type KeptDtype = (...names: readonly string[]) => WeightDtype;

/**
 * @param backend that is to keep them; the active one unless given
 * @throws AttsError `usage` for float16 where the backend does not read it
 */
export function keptDtypes(
  { tensors }: Checkpoint,
  asked: WeightDtype | 'auto',
  backend: string = tf.getBackend(),
): KeptDtype {
  const float16 = readsFloat16(backend) ? 'f16' : 'f32';
  if (asked === 'f16' && float16 !== 'f16') {
    throw new AttsError('usage', '--dtype f16 is for --backend webgpu; elsewhere give f32 or bf16');
  }
  if (asked !== 'auto') return () => asked;
  const values = [...tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const one = (name: string): WeightDtype => {
    const dtype = kept[tensors.get(name)?.dtype ?? 'F32'];
    if (dtype === 'f16') return float16;
    return dtype === 'bf16' && values <= mostCachedValues ? 'f32' : dtype;
  };
  return (...names) => {
    const dtypes = names.map(one);
    if (dtypes.every((dtype) => dtype === dtypes[0])) return dtypes[0];
    if (dtypes.every(isQuantised)) return 'q8';
    // What float16 holds, bfloat16 does not, nor the other way about.
    const widths = dtypes.map((dtype) => weightDtypes.indexOf(dtype === 'f16' ? 'f32' : dtype));
    return weightDtypes[Math.min(...widths)];
  };
}
