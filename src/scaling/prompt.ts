import type { Prefix, Tokenizer } from '../engine/engine.js';
import type { RunConfig } from '../runs/config.js';
import type { Problem } from '../tasks/problem.js';
import { promptMessages, rawPrompt } from '../tasks/prompts.js';

/** The prompt of a problem: the model's chat template with the assistant's turn opened, or plain text. */
export function promptOf(problem: Problem, tokenizer: Tokenizer, kind: RunConfig['prompt']): Prefix {
  if (kind === 'chat') return tokenizer.chat(promptMessages(problem));
  const text = rawPrompt(problem);
  return { ids: tokenizer.encode(text), text, fingerprint: tokenizer.fingerprint };
}
