/** What an engine and the thread it runs on say to each other: calls one way, results the other, matched by number. */
import type { AttsError, ErrorCode } from '../../errors.js';
import type { GenerateRequest, Generation, ModelInfo, Score, ScoreRequest, TokenLogProbs } from '../engine.js';
import type { EngineOptions } from '../open.js';
import type { PassRecord } from '../pass-record.js';

export interface ThreadData {
  readonly spec: string;
  readonly options: Omit<EngineOptions, 'onPass' | 'onNote'>;
  /** Whether somebody wants to hear of the passes. */
  readonly tellsPasses: boolean;
}

export type Call =
  | {
      readonly id: number;
      readonly call: 'generate';
      readonly request: Omit<GenerateRequest, 'signal' | 'onTokens'>;
      /** Whether somebody wants to hear of the tokens as they come. */
      readonly tellsTokens: boolean;
    }
  | { readonly id: number; readonly call: 'score'; readonly request: Omit<ScoreRequest, 'signal'> }
  | { readonly id: number; readonly call: 'abort' }
  | { readonly id: number; readonly call: 'close' };

export type Reply =
  | { readonly kind: 'opened'; readonly model: ModelInfo; readonly timeOrigin: number }
  | { readonly kind: 'passes'; readonly passes: readonly PassRecord[] }
  | { readonly kind: 'note'; readonly note: string }
  | { readonly kind: 'tokens'; readonly id: number; readonly ids: readonly number[]; readonly logProbs?: TokenLogProbs }
  | { readonly kind: 'result'; readonly id: number; readonly result: Generation | Score | null }
  | { readonly kind: 'error'; readonly id: number | null; readonly code: ErrorCode; readonly message: string };

export function errorReply(id: number | null, { code, message }: AttsError): Reply {
  return { kind: 'error', id, code, message };
}
