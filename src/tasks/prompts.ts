import { sha256Hex } from '../digest.js';
import type { ChatMessage } from '../engine/engine.js';
import { AttsError } from '../errors.js';
import { letter } from './datasets/columns.js';
import type { Problem } from './problem.js';
import { promptText } from './prompt-text.js';

/** What a model is asked: messages for its chat template, or text as it stands. */
export type Prompt = (problem: Problem) => ChatMessage[] | string;

const system = 'You are a math expert.';
const instruction = 'Please reason step by step, and put your final answer within \\boxed{}.';
const letterInstruction = 'The final answer is the letter of the right option, like \\boxed{B}.';

/** The prompt as a chat; the embedded checkpoints were trained on exactly these words. */
export function promptMessages(problem: Problem): ChatMessage[] {
  return [
    { role: 'system', content: system },
    { role: 'user', content: [question(problem), instruction, ...ifChoices(problem, letterInstruction)].join('\n') },
  ];
}

/**
 * A chat that asks for what the reference implementation of arXiv 2509.15148 asks for: the same system message, steps
 * apart by blank lines (where `--chunk paragraph` cuts), the answer in a box, the instruction before the question.
 */
function paperMessages(problem: Problem): ChatMessage[] {
  const instructions = [
    'Solve the problem below by reasoning step by step.',
    'Leave a blank line between two steps.',
    'Put your final answer within \\boxed{}.',
    ...ifChoices(problem, letterInstruction),
  ];
  return [
    { role: 'system', content: system },
    { role: 'user', content: `${instructions.join('\n')}\n\nQuestion: ${question(problem)}` },
  ];
}

/** For models without a chat template: the question and nothing else. */
export function rawPrompt(problem: Problem): string {
  return `${question(problem)}\n`;
}

/** The problem, and the options of one that has some. */
function question({ problem, choices }: Problem): string {
  if (!choices) return problem;
  return [problem, ...choices.texts.map((text, i) => `${letter(i)}. ${text}`)].join('\n');
}

const ifChoices = ({ choices }: Problem, text: string) => (choices ? [text] : []);

/** A user's own wording. */
export interface PromptFile {
  readonly text: string;
  /** SHA-256 of the text, hex. */
  readonly hash: string;
}

const placeholder = '{problem}';

/** The file of `file:PATH`; null for the prompts that come with the package. @throws AttsError `usage` */
export function readPromptFile(kind: string): PromptFile | null {
  if (!kind.startsWith('file:')) return null;
  const path = kind.slice('file:'.length);
  const text = promptText(path);
  if (!text.includes(placeholder)) {
    throw new AttsError('usage', `--prompt ${kind}: the file must have ${placeholder} where the problem goes`);
  }
  if (path.endsWith('.json')) messagesOf(kind, text);
  return { text, hash: sha256Hex([text]) };
}

/**
 * The prompt of a kind: `chat`, `paper`, `raw`, or `file:PATH`. Such a file is the text that the model continues, with
 * {problem} where the problem and its options go; one that ends in .json holds chat messages, `[{ role, content }]`.
 * @throws AttsError `usage` for a file that cannot be used
 */
export function openPrompt(kind: string): Prompt {
  const file = readPromptFile(kind);
  if (file === null) return kind === 'raw' ? rawPrompt : kind === 'paper' ? paperMessages : promptMessages;
  const fill = (text: string, problem: Problem) => text.replaceAll(placeholder, () => question(problem));
  if (!kind.endsWith('.json')) return (problem) => fill(file.text, problem);
  const messages = messagesOf(kind, file.text);
  return (problem) => messages.map(({ role, content }) => ({ role, content: fill(content, problem) }));
}

function messagesOf(kind: string, text: string): ChatMessage[] {
  const roles = ['system', 'user', 'assistant'];
  const isMessage = (value: unknown) => {
    const { role, content } = (value ?? {}) as Record<string, unknown>;
    return roles.includes(role as string) && typeof content === 'string';
  };
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Said below.
  }
  if (!Array.isArray(value) || value.length === 0 || !value.every(isMessage)) {
    throw new AttsError('usage', `--prompt ${kind}: not a JSON array of { role: ${roles.join(' | ')}, content: text }`);
  }
  return value as ChatMessage[];
}
