import type { ChainRecord, ModelCallEvent } from '../../src/runs/records.js';
import type { Author } from '../../src/scaling/transcripts/transcript.js';
import type { Writing } from './answer.js';

/** A chunk as far as it is written, and what was decided on it. */
export interface ChunkProgress {
  readonly author: Author;
  text: string;
  tokens: number;
  isWritten: boolean;
  /** Of a draft chunk, once it is scored. */
  decision: Decision | null;
}

export interface Decision {
  readonly score: number;
  readonly p: number;
  readonly alpha: number;
  readonly rejected: boolean;
}

export interface Totals {
  readonly draft: number;
  readonly target: number;
  readonly scored: number;
  readonly decisions: number;
  readonly rejections: number;
  readonly ended: number;
}

/** What is known of the chains while they grow. */
export class Progress {
  readonly chains: readonly { readonly chunks: ChunkProgress[]; end: ChainRecord | null }[];
  private scored = 0;

  constructor(samples: number) {
    this.chains = Array.from({ length: samples }, () => ({ chunks: [], end: null }));
  }

  write({ sample, author, text, tokens }: Writing): void {
    const { chunks } = this.chains[sample];
    let chunk = chunks.at(-1);
    if (!chunk || chunk.isWritten) {
      chunk = { author, text: '', tokens: 0, isWritten: false, decision: null };
      chunks.push(chunk);
    }
    chunk.text += text;
    chunk.tokens += tokens;
  }

  /** A call has ended: a chunk is written, or one is decided on. */
  take({ sample, kind, tokens, score, p, alpha, rejected }: ModelCallEvent): void {
    const chunk = this.chains[sample].chunks.at(-1) as ChunkProgress;
    chunk.isWritten = true;
    if (kind !== 'score') return;
    this.scored += tokens;
    chunk.decision = { score: score!, p: p!, alpha: alpha!, rejected: rejected! };
  }

  end(chain: ChainRecord): void {
    this.chains[chain.sample].end = chain;
  }

  get totals(): Totals {
    const chunks = this.chains.flatMap((chain) => chain.chunks);
    const tokensBy = (author: Author) =>
      chunks.reduce((sum, chunk) => sum + (chunk.author === author ? chunk.tokens : 0), 0);
    const decisions = chunks.flatMap(({ decision }) => decision ?? []);
    return {
      draft: tokensBy('draft'),
      target: tokensBy('target'),
      scored: this.scored,
      decisions: decisions.length,
      rejections: decisions.filter(({ rejected }) => rejected).length,
      ended: this.chains.filter(({ end }) => end).length,
    };
  }
}
