import type { Usage } from '../engine/engine.js';
import type { UsageBody } from './schemas/common.js';

/** Tokens of a request: of each prompt once, of each of its continuations. */
export function usageBody(byPrompt: readonly (readonly Usage[])[]): UsageBody {
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const prompt = sum(byPrompt.map(([first]) => first.prompt));
  const completion = sum(byPrompt.flat().map(({ generated }) => generated));
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: sum(byPrompt.map(([first]) => first.cached)) },
  };
}
