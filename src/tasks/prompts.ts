import type { ChatMessage } from '../engine/engine.js';
import type { Problem } from './problem.js';

const system = 'You are a math expert.';
const instruction = 'Please reason step by step, and put your final answer within \\boxed{}.';

/** The paper's prompt as a chat; the embedded checkpoints were trained on exactly these words. */
export function promptMessages(problem: Problem): ChatMessage[] {
  return [
    { role: 'system', content: system },
    { role: 'user', content: `${problem.problem}\n${instruction}` },
  ];
}

/** For models without a chat template: the question and nothing else. */
export function rawPrompt(problem: Problem): string {
  return `${problem.problem}\n`;
}
