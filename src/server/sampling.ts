import { randomInt } from 'node:crypto';
import type { GenerateRequest, Generation, Prefix } from '../engine/engine.js';
import type { ServedModel } from './models.js';
import { findStop, StopText } from './stop-text.js';
import { type JudgedToken, judgedTokens } from './token-labels.js';

/** Below this a temperature is greedy: logits divided by it would overflow. */
const leastTemperature = 1e-5;

/** How a prompt is to be continued, whatever the protocol. */
export interface Sampling {
  /** 0: the prompt is read and nothing is written. */
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly stop: readonly string[];
  /** Whether the text keeps the stop string, and what its last token has after it. */
  readonly keepsStop: boolean;
  /** The same seed and prompt give the same tokens; null draws one. */
  readonly seed: number | null;
  /** Alternatives a token; null: no log-probabilities either. */
  readonly top: number | null;
}

/** One continuation. */
export interface Written {
  readonly generation: Generation;
  readonly text: string;
  /** Why it ended, in the words that both protocols use. */
  readonly finish: 'stop' | 'length';
  /** What ended it: a stop string, the id of an end token, or neither. */
  readonly matched: string | number | null;
}

type Listener = Pick<GenerateRequest, 'onTokens' | 'signal'>;

/** Holds back what may begin a stop string of a call, which is not sent. */
export function stopTextOf({ engine }: ServedModel, { keepsStop, stop }: Sampling): StopText {
  return new StopText(engine.tokenizer, keepsStop ? [] : stop);
}

/**
 * Continues a prompt `n` times. The k-th continuation draws its own random numbers; a prompt gets the same ones alone and
 * beside others.
 * @param listen what hears of the tokens of the k-th
 */
export async function continuePrompt(
  { engine, contextLength }: ServedModel,
  prefix: Prefix,
  { maxTokens, temperature, topP, stop, keepsStop, seed, top }: Sampling,
  n: number,
  listen: (k: number) => Listener,
): Promise<Written[]> {
  if (maxTokens === 0) return Array.from({ length: n }, () => nothingOf(prefix, top));
  const drawn = seed ?? randomInt(2 ** 32);
  return Promise.all(
    Array.from({ length: n }, async (_, sample) => {
      const generation = await engine.generate({
        ...{ prefix, topP, stop, ...listen(sample) },
        maxTokens: Math.min(maxTokens, contextLength - prefix.ids.length),
        temperature: temperature < leastTemperature ? 0 : temperature,
        ...{ logProbs: top !== null, top: top ?? 0 },
        key: { seed: drawn, problem: 'request', sample, role: 'serve' },
      });
      return writtenOf(generation, stop, keepsStop);
    }),
  );
}

function writtenOf(generation: Generation, stops: readonly string[], keepsStop: boolean): Written {
  const { finish, ids, text } = generation;
  if (finish === 'stop-string') {
    const found = findStop(text, stops);
    const kept = keepsStop || found === null ? text : text.slice(0, found.at);
    return { generation, text: kept, finish: 'stop', matched: found?.stop ?? null };
  }
  if (finish === 'stop-token') return { generation, text, finish: 'stop', matched: ids.at(-1) as number };
  return { generation, text, finish: 'length', matched: null };
}

function nothingOf({ ids, fingerprint }: Prefix, top: number | null): Written {
  const now = performance.now();
  const generation: Generation = {
    ...{ ids: [], text: '', fingerprint, finish: 'length', ...(top === null ? {} : { logProbs: [], top: [] }) },
    usage: { prompt: ids.length, cached: 0, generated: 0, scored: 0 },
    timing: { queued: now, started: now, finished: now },
  };
  return { generation, text: '', finish: 'length', matched: null };
}

/** The prompt's tokens from a place on with their log-probabilities; the first of them has none, in every protocol. */
export async function judgePrompt(
  { engine }: ServedModel,
  { ids, fingerprint }: Prefix,
  from: number,
  top: number,
  signal: AbortSignal,
): Promise<JudgedToken[]> {
  const piece = (some: readonly number[]) => ({ ids: some, text: engine.tokenizer.decode(some), fingerprint });
  const rest = ids.slice(from + 1);
  const asked = { prefix: piece(ids.slice(0, from + 1)), chunk: piece(rest), top, signal };
  const score = rest.length > 0 ? await engine.score(asked) : {};
  return [{ id: ids[from], logProb: null, top: [] }, ...judgedTokens(rest, score)];
}
