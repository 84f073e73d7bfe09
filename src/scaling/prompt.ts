import type { Engine, Prefix, Tokenizer } from '../engine/engine.js';
import { openText } from '../engine/tokenizer/open-text.js';
import type { Problem } from '../tasks/problem.js';
import type { Prompt } from '../tasks/prompts.js';
import { type Prompts, shareTokens } from './transcripts/transcript.js';

/** The prompt of a problem for each model of a chain; models of one vocabulary read the draft's. */
export function promptsOf(problem: Problem, draft: Engine | null, target: Engine | null, ask: Prompt): Prompts {
  const own = (engine: Engine | null) => (engine ? promptOf(problem, engine.tokenizer, ask) : undefined);
  const first = own(draft);
  return { draft: first, target: first && target && shareTokens(draft as Engine, target) ? first : own(target) };
}

/** The model's chat template with the assistant's turn opened, or plain text. */
function promptOf(problem: Problem, tokenizer: Tokenizer, ask: Prompt): Prefix {
  const asked = ask(problem);
  return typeof asked === 'string' ? openText(tokenizer, asked) : tokenizer.chat(asked);
}
