import type { Prefix, Tokenizer } from '../engine/engine.js';
import type { Problem } from '../tasks/problem.js';
import type { Prompt } from '../tasks/prompts.js';

/** The prompt of a problem in a model's tokens: its chat template with the assistant's turn opened, or plain text. */
export function promptOf(problem: Problem, tokenizer: Tokenizer, prompt: Prompt): Prefix {
  const asked = prompt(problem);
  if (typeof asked !== 'string') return tokenizer.chat(asked);
  return { ids: tokenizer.encode(asked), text: asked, fingerprint: tokenizer.fingerprint };
}
