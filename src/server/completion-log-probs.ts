import type { Tokenizer } from '../engine/engine.js';
import { TextStream } from '../engine/tokenizer/text-stream.js';
import type { CompletionLogProbs } from './schemas/completions.js';
import { alternativesWith, type JudgedToken, tokenLabel } from './token-labels.js';

/** Writes the `logprobs` of /v1/completions, the tokens of a choice all at once or as they come. */
export class CompletionLogProbsWriter {
  private readonly tokenizer: Tokenizer;
  private readonly top: number;
  private readonly text: TextStream;
  /** Characters of the text before the next token; one that is not whole yet is the next token's. */
  private offset = 0;

  constructor(tokenizer: Tokenizer, top: number) {
    this.tokenizer = tokenizer;
    this.top = top;
    this.text = new TextStream(tokenizer);
  }

  write(tokens: readonly JudgedToken[]): CompletionLogProbs {
    const { tokenizer } = this;
    return {
      tokens: tokens.map(({ id }) => tokenLabel(tokenizer, id)),
      token_logprobs: tokens.map(({ logProb }) => logProb),
      top_logprobs: tokens.map((token) => (token.logProb === null ? null : this.byLabel(token))),
      text_offset: tokens.map(({ id }) => {
        const { offset } = this;
        this.offset += this.text.push([id]).length;
        return offset;
      }),
    };
  }

  /** Where two tokens have one text the more probable one stands for both. */
  private byLabel(token: JudgedToken): Record<string, number> {
    const labels: Record<string, number> = Object.create(null);
    for (const { id, logProb } of alternativesWith({ ...token, top: token.top.slice(0, this.top) })) {
      const label = tokenLabel(this.tokenizer, id);
      labels[label] = Math.max(labels[label] ?? Number.NEGATIVE_INFINITY, logProb);
    }
    return labels;
  }
}
