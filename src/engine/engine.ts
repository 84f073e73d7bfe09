/** The interface between the method and whatever runs a model. Everything above it is ignorant of where a model runs. */
import type { Alternative } from '../../kernels/ops/token-log-prob/top.js';

export type { Alternative };

/** Token ids with the fingerprint of the tokenizer that made them, and the text they stand for. */
export interface TokenText {
  readonly ids: readonly number[];
  readonly text: string;
  readonly fingerprint: string;
}
/** Everything before the tokens to be generated or scored. */
export interface Prefix extends TokenText {
  /** The messages that it began as and the text that they made, where it began so: some servers are asked by messages alone. */
  readonly chat?: { readonly messages: readonly ChatMessage[]; readonly text: string };
}
/** The tokens to be scored. */
export type Chunk = TokenText;

/**
 * Names one stream of random numbers. The number that draws a token depends on this key and on the token's absolute
 * position in its sequence, on nothing else: not on batch, order or schedule.
 */
export interface RandomKey {
  readonly seed: number;
  readonly problem: string;
  readonly sample: number;
  readonly role: string;
}

export interface ModelInfo {
  readonly id: string;
  readonly family: string;
  readonly parameters: number;
  readonly dtype: string;
  /** SHA-256 of what ids mean: models with equal ones can pass ids to each other. */
  readonly fingerprint: string;
  /** Longest sequence, prompt included, in tokens. */
  readonly contextLength: number;
  readonly backend: string;
  /** Names the arithmetic: results repeat bit by bit within one build. */
  readonly build: string;
  /** SHA-256 of the checkpoint's weights, hex. */
  readonly hash: string;
}

/** Token counts of one call. */
export interface Usage {
  /** Tokens of the prefix. */
  readonly prompt: number;
  /** Prefix tokens that were found in the KV cache and not computed again. */
  readonly cached: number;
  readonly generated: number;
  readonly scored: number;
}

/** Milliseconds on the clock of `performance.now()`. */
export interface Timing {
  readonly queued: number;
  readonly started: number;
  readonly finished: number;
}

export interface GenerateRequest {
  readonly prefix: Prefix;
  readonly maxTokens: number;
  /** Before so many tokens none of them ends the generation. Local engines alone know it. */
  readonly minTokens?: number;
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topP?: number;
  /** Generation ends after the token that completes one of these strings; the chunk keeps the string. */
  readonly stop?: readonly string[];
  readonly key: RandomKey;
  /** Whether the generation tells the log-probability of each of its tokens. */
  readonly logProbs?: boolean;
  /** With `logProbs`: so many of the most probable tokens at each place; 0 where not said. */
  readonly top?: number;
  /** Hears of tokens as they come, in order, each once; it must not throw. What `logProbs` asks for comes with them. */
  readonly onTokens?: (ids: readonly number[], logProbs?: TokenLogProbs) => void;
  readonly signal?: AbortSignal;
}

/** Of tokens, one entry each. */
export interface TokenLogProbs {
  /** Natural-log probability given everything before the token; temperature 1. */
  readonly logProbs: readonly number[];
  /** The most probable tokens at its place, the most probable first; where the request asked for it. */
  readonly top?: readonly (readonly Alternative[])[];
}

export interface Generation extends TokenText, Partial<TokenLogProbs> {
  /** `stop-token`: the model's own end token, which is the last id and has no text. */
  readonly finish: 'length' | 'stop-token' | 'stop-string' | 'context';
  readonly usage: Usage;
  readonly timing: Timing;
}

export interface ScoreRequest {
  readonly prefix: Prefix;
  readonly chunk: Chunk;
  /** So many of the most probable tokens at each place of the chunk; 0 where not said. */
  readonly top?: number;
  readonly signal?: AbortSignal;
}

/** Of every token of the chunk, the first included. */
export interface Score extends TokenLogProbs {
  readonly usage: Usage;
  readonly timing: Timing;
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface Tokenizer {
  readonly fingerprint: string;
  /** Ids that end a turn. */
  readonly stopIds: readonly number[];
  /** The id that a text is opened with; null where the tokenizer opens it with none. */
  readonly bosId: number | null;
  /** Ids of a text from its begin, control tokens within it included; without `bosId`. */
  encode(text: string): number[];
  /** Ids of text that goes on from other text: no space is put before it, and what looks like a control token is text. */
  encodeContinuation(text: string): number[];
  /** UTF-8 of the ids, which may begin and end within a character; special tokens have none. */
  bytes(ids: readonly number[]): Uint8Array;
  /** Text of the ids; special tokens have none. Bytes that are no character become U+FFFD. */
  decode(ids: readonly number[]): string;
  /** The chat template applied, with the assistant's turn opened. */
  chat(messages: readonly ChatMessage[]): Prefix;
}

/** What an engine is doing at the moment. */
export interface EngineLoad {
  /** Calls in the batch, and calls that wait to be. */
  readonly running: number;
  readonly waiting: number;
  /** Tokens that the KV cache has room for, and that calls in the batch hold of it, in whole pages. */
  readonly cacheTokens: number;
  readonly heldTokens: number;
}

/**
 * A model that can write and judge text. Calls may be made at any time and in any number; an engine batches them.
 * @throws AttsError `engine` where a call cannot be served, `length` where it is too long to be, `score` where a score is
 * missing or not finite, `device` where none can be served any more
 */
export interface Engine {
  readonly model: ModelInfo;
  readonly tokenizer: Tokenizer;
  /** Absent where nobody knows. */
  readonly load?: EngineLoad;
  generate(request: GenerateRequest): Promise<Generation>;
  score(request: ScoreRequest): Promise<Score>;
  /** Ends the calls under way and all later ones (`device`) and gives back what the engine holds; again, it does nothing. */
  close(): Promise<void>;
}
