import * as tf from '@tensorflow/tfjs-core';
import { concat } from '../kernels/concat.js';
import { attention, type KvCache, type KvCacheShape, type RaggedRows } from '../kernels/ops/attention/index.js';
import { type EmbeddingTable, embedding, packEmbedding } from '../kernels/ops/embedding/index.js';
import { type GatedMlpWeights, gatedMlp, packGatedMlp } from '../kernels/ops/gated-mlp/index.js';
import { type LinearWeights, linear, packLinear, type WeightDtype } from '../kernels/ops/linear/index.js';
import { rmsNorm } from '../kernels/ops/rms-norm/index.js';
import { type Rotation, ropeAppend, rotation } from '../kernels/ops/rope/index.js';
import { type LanguageModelHead, packHead } from '../kernels/ops/token-log-prob/index.js';
import { AttsError } from '../src/errors.js';
import type { Checkpoint } from './checkpoint/checkpoint.js';
import type { DecoderConfig, DecoderWeightNames } from './families/decoder-config.js';
import { familyOf } from './families/index.js';
import { rotaryFrequencies } from './rotary.js';

/**
 * Weights of so few values stay in the processor's caches, where widening bfloat16 costs more than it saves: they are
 * widened once.
 */
const mostCachedValues = 8 * 2 ** 20;

interface Layer {
  readonly inputNorm: tf.Tensor;
  /** Queries, keys and values in one matrix. */
  readonly qkv: LinearWeights;
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
  private readonly layers: Layer[];
  private readonly finalNorm: tf.Tensor;
  private readonly frequencies: Float64Array[];
  private readonly owned: { dispose(): void }[];

  private constructor(fields: Pick<Decoder, 'config' | 'parameters' | 'head'> & LoadedWeights) {
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

  cacheShape(pages: number, pageSize: number): KvCacheShape {
    const { layers, kvHeads, headDim } = this.config;
    return { layers, kvHeads, headDim, pages, pageSize };
  }

  /**
   * One ragged forward pass: T tokens of any number of sequences, whose keys and values go into the cache.
   * @returns [T, d] hidden states after the last norm; the caller disposes them
   */
  forward(ids: Int32Array, rows: RaggedRows, cache: KvCache): tf.Tensor {
    const { heads, rmsNormEps: eps, attentionScale: scale, activation, embeddingScale } = this.config;
    const rotations = this.frequencies.map((frequencies) => rotation(rows.positions, frequencies));
    let x = embedding(this.embeddingTable, ids, embeddingScale); // [T, d]
    for (const [index, layer] of this.layers.entries()) {
      const next = tf.tidy(() => {
        const angles = rotations[layer.angles] as Rotation;
        const qkv = linear(x, layer.qkv, { norm: { weight: layer.inputNorm, epsilon: eps } }); // [T, (H + 2G)·h]
        const { qNorm, kNorm } = layer;
        const q = ropeAppend(qkv, { angles, cache, layer: index, rows, heads, qNorm, kNorm, epsilon: eps }); // [T, H·h]
        const attended = attention(q, { cache, layer: index, rows, heads, scale, window: layer.window }); // [T, H·h]
        const y = layer.attentionOutputNorm
          ? tf.add(x, rmsNorm(linear(attended, layer.o), layer.attentionOutputNorm, eps))
          : linear(attended, layer.o, { residual: x }); // [T, d]
        const norm = { weight: layer.mlpNorm, epsilon: eps };
        return layer.mlpOutputNorm
          ? tf.add(y, rmsNorm(gatedMlp(y, layer.mlp, activation, { norm }), layer.mlpOutputNorm, eps))
          : gatedMlp(y, layer.mlp, activation, { norm, residual: y }); // [T, d]
      });
      x.dispose();
      x = next;
    }
    const hidden = rmsNorm(x, this.finalNorm, eps);
    x.dispose();
    for (const angles of rotations) angles.dispose();
    return hidden;
  }

  dispose(): void {
    for (const weights of this.owned) weights.dispose();
  }
}

interface LoadedWeights {
  embeddingTable: EmbeddingTable;
  layers: Layer[];
  finalNorm: tf.Tensor;
  frequencies: Float64Array[];
  owned: { dispose(): void }[];
}

function loadWeights(
  checkpoint: Checkpoint,
  config: DecoderConfig,
  names: DecoderWeightNames,
  dtype: WeightDtype | 'auto',
): LoadedWeights & { parameters: number; head: LanguageModelHead } {
  const { hiddenSize: d, headDim: h, heads: H, kvHeads: G, intermediateSize: f, vocabSize: V } = config;
  const owned: { dispose(): void }[] = [];
  let parameters = 0;
  const own = <W extends { dispose(): void }>(weights: W): W => {
    owned.push(weights);
    return weights;
  };
  const read = (name: string, ...shape: number[]): Float32Array => {
    const tensor = checkpoint.tensors.get(name);
    if (!tensor)
      throw new AttsError('checkpoint', `${checkpoint.folder}: no tensor ${name}, which its config.json asks for`);
    if (tensor.shape.join() !== shape.join()) {
      const found = tensor.shape.join(' × ');
      throw new AttsError(
        'checkpoint',
        `${checkpoint.folder}: ${name} is ${found}, but config.json makes it ${shape.join(' × ')}`,
      );
    }
    parameters += shape.reduce((a, b) => a * b, 1);
    return tensor.read();
  };
  const norm = (name: string | null | undefined, width: number): tf.Tensor | null =>
    name ? own(tf.tensor1d(read(name, width).map((w) => w + config.normOffset))) : null;
  const vector = (name: string | undefined, N: number): Float32Array | null => (name ? read(name, N) : null);
  const values = [...checkpoint.tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  /** `auto`: as stored where that loses nothing and is worth it; the same bits come out either way. */
  const dtypeOf = (...together: string[]): WeightDtype => {
    if (dtype !== 'auto') return dtype;
    const isStoredSo = together.every((name) => checkpoint.tensors.get(name)?.dtype === 'BF16');
    return values > mostCachedValues && isStoredSo ? 'bf16' : 'f32';
  };

  const embeddingValues = read(names.embedding, V, d);
  const headName = names.head ?? names.embedding;
  const head = own(packHead(names.head ? read(names.head, V, d) : embeddingValues, V, d, { dtype: dtypeOf(headName) }));
  const embeddingTable = own(packEmbedding(embeddingValues, V, d, names.head ? null : head));
  const frequencies: Float64Array[] = [];
  const distinct = new Map<string, number>();
  const layers = Array.from({ length: config.layers }, (_, index): Layer => {
    const name = names.layer(index);
    const ropeKey = JSON.stringify(config.rope[index]);
    let angles = distinct.get(ropeKey);
    if (angles === undefined) {
      angles = frequencies.push(rotaryFrequencies(config.rope[index], h)) - 1;
      distinct.set(ropeKey, angles);
    }
    return {
      inputNorm: norm(name.inputNorm, d) as tf.Tensor,
      qkv: own(
        packLinear(
          concat([read(name.q, H * h, d), read(name.k, G * h, d), read(name.v, G * h, d)]),
          (H + 2 * G) * h,
          d,
          name.qBias || name.kBias || name.vBias
            ? concat([
                vector(name.qBias, H * h) ?? new Float32Array(H * h),
                vector(name.kBias, G * h) ?? new Float32Array(G * h),
                vector(name.vBias, G * h) ?? new Float32Array(G * h),
              ])
            : null,
          dtypeOf(name.q, name.k, name.v),
        ),
      ),
      o: own(packLinear(read(name.o, d, H * h), d, H * h, vector(name.oBias, d), dtypeOf(name.o))),
      qNorm: norm(name.qNorm, h),
      kNorm: norm(name.kNorm, h),
      attentionOutputNorm: norm(name.attentionOutputNorm, d),
      mlpNorm: norm(name.mlpNorm, d) as tf.Tensor,
      mlp: own(
        packGatedMlp(
          {
            ...{ d, f, gate: read(name.gate, f, d), up: read(name.up, f, d), down: read(name.down, d, f) },
            ...{ gateBias: vector(name.gateBias, f), upBias: vector(name.upBias, f) },
            downBias: vector(name.downBias, d),
          },
          dtypeOf(name.gate, name.up, name.down),
        ),
      ),
      mlpOutputNorm: norm(name.mlpOutputNorm, d),
      window: config.slidingWindow[index],
      angles,
    };
  });
  const finalNorm = norm(names.finalNorm, d) as tf.Tensor;
  return { embeddingTable, head, layers, finalNorm, frequencies, owned, parameters };
}
