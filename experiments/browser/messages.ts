/** What the page and its worker say to each other: models compute in the worker, so that the page stays alive. */
import type { ChainRecord, ModelCallEvent } from '../../src/runs/records.js';
import type { Author } from '../../src/scaling/transcripts/transcript.js';
import type { Ask, Writing } from './answer.js';

export type FromPage =
  | { readonly type: 'open'; readonly backend: PageBackend; readonly threads: number | null }
  | { readonly type: 'ask'; readonly ask: Ask }
  | { readonly type: 'stop' };

/** `auto`: WebGPU where the browser has an adapter, else SIMD. */
export type PageBackend = 'auto' | 'webgpu' | 'simd';

export interface Opened {
  readonly backend: string;
  /** Why not WebGPU, where that was wanted and is not there. */
  readonly note: string | null;
  readonly build: string;
  /** Of the simd backend. */
  readonly threads: number | null;
  readonly models: Readonly<Record<Author, { readonly id: string; readonly parameters: number }>>;
}

export type FromWorker =
  | { readonly type: 'opened'; readonly opened: Opened }
  | { readonly type: 'writing'; readonly writing: Writing }
  | { readonly type: 'event'; readonly event: ModelCallEvent }
  | { readonly type: 'chain'; readonly chain: ChainRecord }
  | { readonly type: 'answered'; readonly answer: string | null; readonly votes: number; readonly seconds: number }
  | { readonly type: 'stopped' }
  /** The question cannot be answered; another one can. */
  | { readonly type: 'refused'; readonly message: string }
  /** Nothing can be, on this backend. */
  | { readonly type: 'failed'; readonly message: string };
