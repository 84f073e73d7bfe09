import * as tf from '@tensorflow/tfjs-core';
import { concat } from '../kernels/concat.js';
import { type EmbeddingTable, packEmbedding } from '../kernels/ops/embedding/index.js';
import { packGatedMlp } from '../kernels/ops/gated-mlp/index.js';
import {
  type LinearWeights,
  type MatrixRows,
  packLinear,
  packParts,
  type WeightDtype,
} from '../kernels/ops/linear/index.js';
import { stacked } from '../kernels/ops/linear/matrix.js';
import { type LanguageModelHead, packHead } from '../kernels/ops/token-log-prob/index.js';
import type { Checkpoint } from './checkpoint/checkpoint.js';
import type { Layer } from './decoder.js';
import type { DecoderConfig, DecoderWeightNames } from './families/decoder-config.js';
import { keptDtypes } from './kept-dtype.js';
import { rotaryFrequencies, rotaryGain } from './rotary.js';
import { checkShapes } from './weight-shapes.js';

export interface LoadedWeights {
  readonly parameters: number;
  readonly head: LanguageModelHead;
  readonly embeddingTable: EmbeddingTable;
  readonly layers: readonly Layer[];
  readonly finalNorm: tf.Tensor;
  readonly frequencies: readonly Float64Array[];
  readonly owned: readonly { dispose(): void }[];
}

/**
 * Packs a checkpoint's weights for the active backend, one matrix after another and each a block of rows at a time:
 * beside what is packed, no more than a block is ever in memory.
 * @throws AttsError `checkpoint` for a missing or misshapen tensor
 */
export function loadWeights(
  checkpoint: Checkpoint,
  config: DecoderConfig,
  names: DecoderWeightNames,
  asked: WeightDtype | 'auto',
): LoadedWeights {
  const parameters = checkShapes(checkpoint, config, names);
  const owned: { dispose(): void }[] = [];
  try {
    return { ...packWeights(checkpoint, config, names, asked, owned), parameters, owned };
  } catch (error) {
    for (const weights of owned) weights.dispose();
    throw error;
  }
}

function packWeights(
  checkpoint: Checkpoint,
  config: DecoderConfig,
  names: DecoderWeightNames,
  asked: WeightDtype | 'auto',
  owned: { dispose(): void }[],
): Omit<LoadedWeights, 'parameters' | 'owned'> {
  const { hiddenSize: d, headDim: h, intermediateSize: f, vocabSize: V } = config;
  const own = <W extends { dispose(): void }>(weights: W): W => {
    owned.push(weights);
    return weights;
  };
  const dtypeOf = keptDtypes(checkpoint, asked);
  const tensorOf = (name: string) => checkpoint.tensors.get(name)!;
  /** Rows as the file's own groups where they are to be kept so. */
  const matrix = (name: string, dtype: WeightDtype): MatrixRows => {
    const { shape, groups, read } = tensorOf(name);
    return { N: shape[0], K: shape[1], read: groups?.dtype === dtype ? groups.read : read };
  };
  const vector = (name: string | undefined): Float32Array | null => (name ? tensorOf(name).read() : null);
  const norm = (name: string): tf.Tensor =>
    own(
      tf.tensor1d(
        tensorOf(name)
          .read()
          .map((w) => w + config.normOffset),
      ),
    );
  const optionalNorm = (name: string | undefined): tf.Tensor | null => (name ? norm(name) : null);
  const linear = (name: string, bias: string | undefined): LinearWeights => {
    const dtype = dtypeOf(name);
    const rows = matrix(name, dtype);
    return own(packLinear(rows, rows.N, rows.K, vector(bias), dtype));
  };

  const headName = names.head ?? names.embedding;
  const headDtype = dtypeOf(headName);
  const head = own(packHead(matrix(headName, headDtype), V, d, { dtype: headDtype }));
  const dtype = dtypeOf(names.embedding);
  const tiedHead = names.head ? null : head;
  const embeddingTable = own(packEmbedding(matrix(names.embedding, dtype), V, d, { dtype, tiedHead }));

  const frequencies: Float64Array[] = [];
  const distinct = new Map<string, number>();
  const layers = Array.from({ length: config.layers }, (_, index): Layer => {
    const name = names.layer(index);
    const rope = config.rope[index];
    const ropeKey = JSON.stringify(rope);
    const angles = distinct.get(ropeKey) ?? frequencies.push(rotaryFrequencies(rope, h)) - 1;
    distinct.set(ropeKey, angles);
    const projections = [
      { name: name.q, bias: name.qBias },
      { name: name.k, bias: name.kBias },
      { name: name.v, bias: name.vBias },
    ];
    const gateUp = dtypeOf(name.gate, name.up);
    const down = dtypeOf(name.down);
    return {
      inputNorm: norm(name.inputNorm),
      qkv: runsOf(projections, ({ name }) => dtypeOf(name)).map(([dtype, run]) => {
        const parts = run.map(({ name }) => matrix(name, dtype));
        const hasBias = run.some(({ bias }) => bias);
        const biases = run.map(({ bias }, i) => vector(bias) ?? new Float32Array(parts[i].N));
        const N = parts.reduce((sum, part) => sum + part.N, 0);
        return own(packParts(stacked(...parts), N, d, hasBias ? concat(Float32Array, biases) : null, dtype));
      }),
      o: linear(name.o, name.oBias),
      qNorm: optionalNorm(name.qNorm),
      kNorm: optionalNorm(name.kNorm),
      attentionOutputNorm: optionalNorm(name.attentionOutputNorm),
      mlpNorm: norm(name.mlpNorm),
      mlp: own(
        packGatedMlp(
          {
            ...{ d, f, gate: matrix(name.gate, gateUp), up: matrix(name.up, gateUp), down: matrix(name.down, down) },
            ...{ gateBias: vector(name.gateBias), upBias: vector(name.upBias), downBias: vector(name.downBias) },
          },
          { gateUp, down },
        ),
      ),
      mlpOutputNorm: optionalNorm(name.mlpOutputNorm),
      window: config.slidingWindow[index],
      scale: config.attentionScale * rotaryGain(rope) ** 2,
      angles,
    };
  });
  return { embeddingTable, head, layers, finalNorm: norm(names.finalNorm), frequencies };
}

/** Neighbours of the same key together. */
function runsOf<T, K>(items: readonly T[], keyOf: (item: T) => K): [K, T[]][] {
  const runs: [K, T[]][] = [];
  for (const item of items) {
    const key = keyOf(item);
    const last = runs.at(-1);
    if (last && last[0] === key) last[1].push(item);
    else runs.push([key, [item]]);
  }
  return runs;
}
