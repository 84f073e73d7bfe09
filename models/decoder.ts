import * as tf from '@tensorflow/tfjs-core';
import type { OpClock } from '../kernels/op-clock.js';
import {
  attention,
  type CacheDtype,
  type KvCache,
  type KvCacheShape,
  type RaggedRows,
} from '../kernels/ops/attention/index.js';
import { type EmbeddingTable, embedding } from '../kernels/ops/embedding/index.js';
import { type GatedMlpWeights, gatedMlp } from '../kernels/ops/gated-mlp/index.js';
import { type LinearWeights, linear, linearSideBySide, type WeightDtype } from '../kernels/ops/linear/index.js';
import { rmsNorm } from '../kernels/ops/rms-norm/index.js';
import { type Rotation, ropeAppend, rotation } from '../kernels/ops/rope/index.js';
import type { LanguageModelHead } from '../kernels/ops/token-log-prob/index.js';
import type { Checkpoint } from './checkpoint/checkpoint.js';
import type { DecoderConfig } from './families/decoder-config.js';
import { familyOf } from './families/index.js';
import { type LoadedWeights, loadWeights } from './load-weights.js';

export interface Layer {
  readonly inputNorm: tf.Tensor;
  /** Queries, keys and values: in one matrix, or in one for each dtype in which some of them are kept. */
  readonly qkv: readonly LinearWeights[];
  readonly o: LinearWeights;
  readonly qNorm: tf.Tensor | null;
  readonly kNorm: tf.Tensor | null;
  /** After attention, before the residual (gemma3). */
  readonly attentionOutputNorm: tf.Tensor | null;
  readonly mlpNorm: tf.Tensor;
  readonly mlp: GatedMlpWeights;
  /** After the MLP, before the residual (gemma3). */
  readonly mlpOutputNorm: tf.Tensor | null;
  readonly window: number | null;
  /** Multiplies q · k. */
  readonly scale: number;
  /** Index into the decoder's distinct rotary frequencies. */
  readonly angles: number;
}

/**
 * The one decoder: every family is a configuration of it. Letters: T rows of the pass, d hidden size, H query heads,
 * G kv heads, h head dim.
 */
export class Decoder {
  readonly config: DecoderConfig;
  readonly parameters: number;
  /** How most weights are kept. */
  get dtype(): WeightDtype {
    return this.layers[0].mlp.gateUp.dtype;
  }
  readonly head: LanguageModelHead;
  private readonly embeddingTable: EmbeddingTable;
  private readonly layers: readonly Layer[];
  private readonly finalNorm: tf.Tensor;
  private readonly frequencies: readonly Float64Array[];
  private readonly owned: readonly { dispose(): void }[];

  private constructor(fields: { config: DecoderConfig } & LoadedWeights) {
    this.config = fields.config;
    this.parameters = fields.parameters;
    this.head = fields.head;
    this.embeddingTable = fields.embeddingTable;
    this.layers = fields.layers;
    this.finalNorm = fields.finalNorm;
    this.frequencies = fields.frequencies;
    this.owned = fields.owned;
  }

  /** Packs a checkpoint's weights for the active backend. @throws AttsError `checkpoint` for a missing or misshapen tensor */
  static load(checkpoint: Checkpoint, dtype: WeightDtype | 'auto' = 'auto'): Decoder {
    const family = familyOf(checkpoint.config);
    const config = family.decoderConfig(checkpoint.config);
    return new Decoder({ config, ...loadWeights(checkpoint, config, family.weightNames(checkpoint.config), dtype) });
  }

  cacheShape(pages: number, pageSize: number, dtype: CacheDtype = 'f32'): KvCacheShape {
    const { layers, kvHeads, headDim } = this.config;
    return { layers, kvHeads, headDim, pages, pageSize, dtype };
  }

  /**
   * One ragged forward pass: T tokens of any number of sequences, whose keys and values go into the cache.
   * @param clock hears which op has run, for passes whose ops are timed
   * @returns [T, d] hidden states after the last norm; the caller disposes them
   */
  forward(ids: Int32Array, rows: RaggedRows, cache: KvCache, clock: OpClock | null = null): tf.Tensor {
    const { heads, rmsNormEps: eps, activation, embeddingScale } = this.config;
    const rotations = this.frequencies.map((frequencies) => rotation(rows.positions, frequencies));
    clock?.skip();
    let x = embedding(this.embeddingTable, ids, embeddingScale); // [T, d]
    clock?.did('embedding');
    for (const [index, layer] of this.layers.entries()) {
      const next = tf.tidy(() => {
        const angles = rotations[layer.angles] as Rotation;
        const { qNorm, kNorm, scale } = layer;
        clock?.skip();
        const qkv = linearSideBySide(x, layer.qkv, { weight: layer.inputNorm, epsilon: eps }); // [T, (H + 2G)·h]
        clock?.did('qkv', index);
        const q = ropeAppend(qkv, { angles, cache, layer: index, rows, heads, qNorm, kNorm, epsilon: eps }); // [T, H·h]
        clock?.did('rope', index);
        const attended = attention(q, { cache, layer: index, rows, heads, scale, window: layer.window }); // [T, H·h]
        clock?.did('attention', index);
        const y = layer.attentionOutputNorm
          ? tf.add(x, rmsNorm(linear(attended, layer.o), layer.attentionOutputNorm, eps))
          : linear(attended, layer.o, { residual: x }); // [T, d]
        clock?.did('output', index);
        const norm = { weight: layer.mlpNorm, epsilon: eps };
        const z = layer.mlpOutputNorm
          ? tf.add(y, rmsNorm(gatedMlp(y, layer.mlp, activation, { norm }), layer.mlpOutputNorm, eps))
          : gatedMlp(y, layer.mlp, activation, { norm, residual: y }); // [T, d]
        clock?.did('mlp', index);
        return z;
      });
      x.dispose();
      x = next;
    }
    clock?.skip();
    const hidden = rmsNorm(x, this.finalNorm, eps);
    clock?.did('norm');
    x.dispose();
    for (const angles of rotations) angles.dispose();
    return hidden;
  }

  dispose(): void {
    for (const weights of this.owned) weights.dispose();
  }
}
