import * as tf from '@tensorflow/tfjs-core';
import { type CacheDtype, pageBytes } from '../kernels/ops/attention/index.js';
import { packedBytes, type WeightDtype } from '../kernels/ops/linear/index.js';
import { gpuBytes } from '../kernels/ops/linear/webgpu-layout.js';
import type { Checkpoint, StoredDtype } from './checkpoint/checkpoint.js';
import { storedBytes } from './checkpoint/dtypes.js';
import type { DecoderConfig } from './families/decoder-config.js';
import { familyOf } from './families/index.js';
import { keptDtypes } from './kept-dtype.js';
import { checkShapes } from './weight-shapes.js';

export interface DtypeShare {
  readonly tensors: number;
  readonly bytes: number;
}

/** How the matrices of an op are kept, and their bytes: what a pass reads of them. */
export interface KeptMatrices {
  /** Where several are kept in different ones, all of them. */
  readonly dtype: string;
  readonly bytes: number;
}

/** How the weights of every op are kept. */
export interface KeptWeights {
  readonly embedding: KeptMatrices;
  readonly head: KeptMatrices;
  readonly layers: readonly Readonly<Record<'qkv' | 'output' | 'mlp', KeptMatrices>>[];
}

export interface CheckpointReport {
  readonly config: DecoderConfig;
  readonly parameters: number;
  /** The head is a matrix of its own, not the embedding. */
  readonly hasOwnHead: boolean;
  readonly stored: Readonly<Partial<Record<StoredDtype, DtypeShare>>>;
  /** Matrices by the dtype in which they are kept, on webgpu or else the simd backends; vectors count as f32. */
  readonly kept: Readonly<Partial<Record<WeightDtype, DtypeShare>>>;
  /** The same by ops; norms and biases are left out. */
  readonly weights: KeptWeights;
  /** Of the layers' matrices alone. */
  readonly keptInLayers: Readonly<Partial<Record<WeightDtype, DtypeShare>>>;
  readonly headDtype: WeightDtype;
  /** Bytes of the KV cache a token. */
  readonly cacheBytesPerToken: number;
}

/**
 * What a checkpoint is and what it will need, from its header alone: nothing is loaded.
 * @param backend that is to keep it; the active one unless given
 * @throws AttsError `checkpoint`; `usage` for a dtype that the backend does not read
 */
export function inspectCheckpoint(
  checkpoint: Checkpoint,
  asked: WeightDtype | 'auto' = 'auto',
  cacheDtype: CacheDtype = 'f32',
  backend: string = tf.getBackend(),
): CheckpointReport {
  const family = familyOf(checkpoint.config);
  const config = family.decoderConfig(checkpoint.config);
  const names = family.weightNames(checkpoint.config);
  const parameters = checkShapes(checkpoint, config, names);
  const stored: Partial<Record<StoredDtype, DtypeShare>> = {};
  for (const { dtype, shape } of checkpoint.tensors.values()) add(stored, dtype, storedBytes(dtype, shape) ?? 0);
  const kept: Partial<Record<WeightDtype, DtypeShare>> = {};
  const keptInLayers: typeof kept = {};
  const dtypeOf = keptDtypes(checkpoint, asked, backend);
  const bytesOf = backend === 'webgpu' ? gpuBytes : packedBytes;
  const matrix = (name: string, together: readonly string[] = [name]) => {
    const [N, K] = checkpoint.tensors.get(name)!.shape;
    const dtype = dtypeOf(...together);
    return { dtype, bytes: bytesOf(N, K, dtype) };
  };
  const keep = (together: readonly (string | null | undefined)[], isLayer = false) => {
    const tensors = together.flatMap((name) => (name ? [name] : []));
    for (const name of tensors) {
      const { shape } = checkpoint.tensors.get(name)!;
      const isMatrix = shape.length === 2;
      const { dtype, bytes } = isMatrix ? matrix(name, tensors) : { dtype: 'f32' as const, bytes: 4 * shape[0] };
      add(kept, dtype, bytes);
      if (isLayer && isMatrix) add(keptInLayers, dtype, bytes);
    }
  };
  keep([names.embedding]);
  keep([names.head]);
  keep([names.finalNorm]);
  for (let index = 0; index < config.layers; index++) {
    const { gate, up, ...others } = names.layer(index);
    keep([gate, up], true);
    for (const name of Object.values(others)) keep([name], true);
  }
  const matrices = (...groups: readonly (readonly string[])[]): KeptMatrices => {
    const each = groups.flatMap((group) => group.map((name) => matrix(name, group)));
    const dtypes = new Set(each.map(({ dtype }) => dtype));
    return { dtype: [...dtypes].join(' + '), bytes: each.reduce((sum, { bytes }) => sum + bytes, 0) };
  };
  const weights: KeptWeights = {
    embedding: matrices([names.embedding]),
    head: matrices([names.head ?? names.embedding]),
    layers: Array.from({ length: config.layers }, (_, index) => {
      const { q, k, v, o, gate, up, down } = names.layer(index);
      return { qkv: matrices([q], [k], [v]), output: matrices([o]), mlp: matrices([gate, up], [down]) };
    }),
  };
  const { layers, kvHeads, headDim } = config;
  const cacheBytesPerToken = pageBytes({ layers, kvHeads, headDim, pageSize: 1, dtype: cacheDtype });
  const headDtype = matrix(names.head ?? names.embedding).dtype;
  return {
    ...{ config, parameters, hasOwnHead: names.head !== null, stored },
    ...{ kept, keptInLayers, headDtype, weights, cacheBytesPerToken },
  };
}

function add<K extends string>(shares: Partial<Record<K, DtypeShare>>, key: K, bytes: number): void {
  const { tensors, bytes: before } = shares[key] ?? { tensors: 0, bytes: 0 };
  shares[key] = { tensors: tensors + 1, bytes: before + bytes };
}

/** Bytes of all shares together. */
export function totalBytes(shares: Readonly<Partial<Record<string, DtypeShare>>>): number {
  return Object.values(shares).reduce((sum, share) => sum + (share?.bytes ?? 0), 0);
}
