import type { CacheDtype } from '../../kernels/ops/attention/index.js';
import type { WeightDtype } from '../../kernels/ops/linear/index.js';
import { isGguf, openCheckpoint, resolveModel } from '../../models/checkpoint/open.js';
import type { DecoderConfig } from '../../models/families/decoder-config.js';
import { type DtypeShare, inspectCheckpoint, type KeptWeights, totalBytes } from '../../models/inspect.js';
import { AttsError } from '../errors.js';
import type { EngineOptions } from './open.js';
import type { RemoteReport } from './remote/index.js';
import { isRemoteSpec } from './remote/spec.js';
import { openTokenizerFile } from './tokenizer/index.js';

/** What `atts models inspect` tells of a model. Sizes are bytes. */
export interface ModelReport {
  readonly schema: 'atts.model/1';
  readonly id: string;
  /** The folder, or the .gguf file. */
  readonly path: string;
  readonly format: 'gguf' | 'safetensors';
  readonly family: string;
  readonly parameters: number;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  /** Tokens. */
  readonly contextLength: number;
  readonly hasOwnHead: boolean;
  /** One a distinct kind of layer. */
  readonly rope: readonly {
    readonly theta: number;
    readonly scaling: string;
    readonly window: number | null;
    readonly layers: number;
  }[];
  readonly stored: Readonly<Partial<Record<string, DtypeShare>>>;
  readonly kept: Readonly<Partial<Record<string, DtypeShare>>>;
  /** Of the layers' matrices alone. */
  readonly keptInLayers: Readonly<Partial<Record<WeightDtype, DtypeShare>>>;
  readonly headDtype: WeightDtype;
  readonly weightBytes: number;
  readonly cacheBytesPerToken: number;
  readonly tokenizer: TokenizerReport | { readonly error: string };
}

export interface TokenizerReport {
  readonly bosId: number | null;
  readonly stopIds: readonly number[];
  /** By their names in the chat template: bos_token, eos_token … */
  readonly special: Readonly<Record<string, string>>;
  readonly chatTemplate: string | null;
}

/** What decides how a model is kept, with the defaults of `openEngine`. */
type KeptOptions = Pick<EngineOptions, 'backend' | 'dtype' | 'cacheDtype'>;

/**
 * Reads what a model is and what it will need, without loading it.
 * @throws AttsError `usage` for an unknown model, or a dtype that the backend does not read, in the words of loading;
 * `checkpoint` for a model that cannot be read
 */
export function inspectModel(spec: string, { backend, dtype, cacheDtype }: KeptOptions = {}): ModelReport {
  const path = localPath(spec);
  const checkpoint = openCheckpoint(path);
  try {
    const inspected = inspectCheckpoint(checkpoint, dtype, cacheDtype, backend);
    const { config, parameters, hasOwnHead, stored, kept, keptInLayers, headDtype, cacheBytesPerToken } = inspected;
    const { family, layers, hiddenSize, intermediateSize, heads, kvHeads, headDim, vocabSize, contextLength } = config;
    return {
      ...{ schema: 'atts.model/1', id: checkpoint.id, path, format: isGguf(path) ? 'gguf' : 'safetensors', family },
      ...{ parameters, layers, hiddenSize, intermediateSize, heads, kvHeads, headDim, vocabSize, contextLength },
      ...{ hasOwnHead, rope: kindsOfLayers(config), stored, kept, keptInLayers, headDtype },
      ...{ weightBytes: totalBytes(kept), cacheBytesPerToken },
      tokenizer: inspectTokenizer(path),
    };
  } finally {
    checkpoint.close();
  }
}

/** Dimensions of a model, and how its weights and its cache are kept: what decides the cost of its ops. */
export interface OpsReport {
  readonly config: DecoderConfig;
  readonly weights: KeptWeights;
  readonly cacheDtype: CacheDtype;
}

/** @throws AttsError as `inspectModel` does */
export function inspectOps(spec: string, { backend, dtype, cacheDtype = 'f32' }: KeptOptions = {}): OpsReport {
  const checkpoint = openCheckpoint(localPath(spec));
  try {
    const { config, weights } = inspectCheckpoint(checkpoint, dtype, cacheDtype, backend);
    return { config, weights, cacheDtype };
  } finally {
    checkpoint.close();
  }
}

/** What a model on servers is and can do. @throws AttsError as `openEngine` does */
export async function inspectRemote(spec: string): Promise<RemoteReport> {
  const remote = await import('./remote/index.js');
  return remote.inspectRemote(spec);
}

function localPath(spec: string): string {
  if (isRemoteSpec(spec))
    throw new AttsError('usage', `${spec} lies on a server: its layers and passes cannot be seen`);
  return resolveModel(spec);
}

function kindsOfLayers({ rope, slidingWindow }: ReturnType<typeof inspectCheckpoint>['config']): ModelReport['rope'] {
  const kinds = new Map<string, ModelReport['rope'][number]>();
  for (const [layer, { theta, scaling }] of rope.entries()) {
    const factor = 'factor' in scaling ? ` × ${scaling.factor}` : '';
    const kind = { theta, scaling: `${scaling.kind}${factor}`, window: slidingWindow[layer] };
    const key = JSON.stringify([theta, scaling, kind.window]);
    kinds.set(key, { ...kind, layers: (kinds.get(key)?.layers ?? 0) + 1 });
  }
  return [...kinds.values()];
}

function inspectTokenizer(path: string): ModelReport['tokenizer'] {
  try {
    const { bosId, stopIds, templateTokens, chatTemplate } = openTokenizerFile(path);
    return { bosId, stopIds, special: templateTokens, chatTemplate };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
