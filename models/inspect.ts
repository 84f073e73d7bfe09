import { type BackendChoice, holdsFloat32 } from '../kernels/backends/names.js';
import { type CacheDtype, pageBytes } from '../kernels/ops/attention/index.js';
import { packedBytes, type WeightDtype } from '../kernels/ops/linear/index.js';
import { gpuBytes } from '../kernels/ops/linear/webgpu-layout.js';
import type { Checkpoint, StoredDtype } from './checkpoint/checkpoint.js';
import { storedBytes } from './checkpoint/dtypes.js';
import type { DecoderConfig } from './families/decoder-config.js';
import { familyOf } from './families/index.js';
import { type KeptDtype, keptDtypes } from './kept-dtype.js';
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
  /** Matrices by the dtype in which the backend holds them; vectors count as f32. */
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
 * @param backend that is to keep it
 * @throws AttsError `checkpoint`; `usage` for a dtype that the backend does not read
 */
export function inspectCheckpoint(
  checkpoint: Checkpoint,
  asked: WeightDtype | 'auto' = 'auto',
  cacheDtype: CacheDtype = 'f32',
  backend: BackendChoice = 'auto',
): CheckpointReport {
  const family = familyOf(checkpoint.config);
  const config = family.decoderConfig(checkpoint.config);
  const names = family.weightNames(checkpoint.config);
  const parameters = checkShapes(checkpoint, config, names);
  const rounded = keptDtypes(checkpoint, asked, backend);
  const isFloat32 = holdsFloat32(backend);
  const dtypeOf: KeptDtype = isFloat32 ? () => 'f32' : rounded;
  const bytesOf = isFloat32 ? float32Bytes : backend === 'webgpu' ? gpuBytes : packedBytes;
  /** Matrices by those that are kept as one. */
  const matrices = (...groups: readonly (readonly string[])[]): Kept[] =>
    groups.flatMap((group) =>
      group.map((name) => {
        const [N, K] = checkpoint.tensors.get(name)!.shape;
        const dtype = dtypeOf(...group);
        return { dtype, bytes: bytesOf(N, K, dtype) };
      }),
    );
  const ofLayers = Array.from({ length: config.layers }, (_, index) => names.layer(index));
  const embedding = matrices([names.embedding]);
  const head = names.head === null ? embedding : matrices([names.head]);
  const layers = ofLayers.map(({ q, k, v, o, gate, up, down }) => ({
    ...{ qkv: matrices([q], [k], [v]), output: matrices([o]), mlp: matrices([gate, up], [down]) },
  }));
  const inLayers = layers.flatMap(({ qkv, output, mlp }) => [...qkv, ...output, ...mlp]);
  const vectors = [names.finalNorm, ...ofLayers.flatMap((layer) => Object.values(layer))].flatMap((name): Kept[] => {
    const { shape } = checkpoint.tensors.get(name)!;
    return shape.length === 1 ? [{ dtype: 'f32', bytes: 4 * shape[0] }] : [];
  });
  // Our kernels read the rows of a tied head; stock ones want it transposed, and so twice.
  const ownHead = names.head === null && !isFloat32 ? [] : head;
  const { kvHeads, headDim } = config;
  return {
    ...{ config, parameters, hasOwnHead: names.head !== null },
    stored: sharesOf(
      [...checkpoint.tensors.values()].map(({ dtype, shape }) => ({ dtype, bytes: storedBytes(dtype, shape) ?? 0 })),
    ),
    kept: sharesOf([...embedding, ...ownHead, ...vectors, ...inLayers]),
    keptInLayers: sharesOf(inLayers),
    headDtype: head[0].dtype,
    weights: {
      ...{ embedding: together(embedding), head: together(head) },
      layers: layers.map(({ qkv, output, mlp }) => ({
        ...{ qkv: together(qkv), output: together(output), mlp: together(mlp) },
      })),
    },
    cacheBytesPerToken: pageBytes({ layers: config.layers, kvHeads, headDim, pageSize: 1, dtype: cacheDtype }),
  };
}

interface Kept {
  readonly dtype: WeightDtype;
  readonly bytes: number;
}

const float32Bytes = (N: number, K: number) => 4 * N * K;

function together(matrices: readonly Kept[]): KeptMatrices {
  const dtypes = new Set(matrices.map(({ dtype }) => dtype));
  return { dtype: [...dtypes].join(' + '), bytes: matrices.reduce((sum, { bytes }) => sum + bytes, 0) };
}

function sharesOf<K extends string>(tensors: readonly { dtype: K; bytes: number }[]): Partial<Record<K, DtypeShare>> {
  const shares: Partial<Record<K, DtypeShare>> = {};
  for (const { dtype, bytes } of tensors) {
    const before = shares[dtype] ?? { tensors: 0, bytes: 0 };
    shares[dtype] = { tensors: before.tensors + 1, bytes: before.bytes + bytes };
  }
  return shares;
}

/** Bytes of all shares together. */
export function totalBytes(shares: Readonly<Partial<Record<string, DtypeShare>>>): number {
  return Object.values(shares).reduce((sum, share) => sum + (share?.bytes ?? 0), 0);
}
