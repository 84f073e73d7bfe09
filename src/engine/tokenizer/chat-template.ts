import { Environment, Interpreter, type RuntimeValue, Template } from '@huggingface/jinja';
import { AttsError } from '../../errors.js';
import type { ChatMessage } from '../engine.js';
import { withinTime } from './within-time.js';

const renderMilliseconds = 2000;
/** What a rendering may evaluate: expressions, and characters and elements of their values. */
const leastFuel = 500_000;
const fuelPerCharacter = 100;
const longestRange = 10_000;

type Rendering = { readonly text: string } | { readonly error: string; readonly isOverBounds: boolean };

/**
 * A checkpoint's chat template: a program that a stranger wrote. Jinja has no way to files or code; time and memory are
 * bounded by what it evaluates. (A thread of bounded memory would not do: an array that outgrows its heap at one stroke
 * ends the whole process.)
 */
export class ChatTemplate {
  private readonly template: string;
  private readonly source: string;

  constructor(template: string, source: string) {
    this.template = template;
    this.source = source;
  }

  /**
   * The messages with the assistant's turn opened. Where the template knows no system role, the system's text stands
   * before the first user's.
   * @param tokens strings of special tokens by name
   * @throws AttsError `checkpoint`, one line
   */
  render(messages: readonly ChatMessage[], tokens: Readonly<Record<string, string>>): string {
    const first = this.attempt(messages, tokens);
    if ('text' in first) return first.text;
    const folded = first.isOverBounds ? null : foldSystem(messages);
    const second = folded === null ? first : this.attempt(folded, tokens);
    if ('text' in second) return second.text;
    const line = first.error.replace(/\s+/g, ' ').slice(0, 200);
    throw new AttsError('checkpoint', `${this.source}: its chat template fails: ${line}; --prompt raw does without it`);
  }

  private attempt(messages: readonly ChatMessage[], tokens: Readonly<Record<string, string>>): Rendering {
    const fuel = leastFuel + fuelPerCharacter * messages.reduce((sum, { content }) => sum + content.length, 0);
    try {
      const text = withinTime(renderMilliseconds, 'rendering', () => {
        const { parsed } = new Template(this.template);
        const variables = { ...tokens, messages, add_generation_prompt: true };
        return String(new BoundedInterpreter(environmentOf(variables), fuel).run(parsed).value);
      });
      return { text };
    } catch (cause) {
      const error = cause instanceof Error ? cause.message : String(cause);
      return { error, isOverBounds: cause instanceof AttsError };
    }
  }
}

/** Gives up once it has evaluated too much. Every value is looked at before anything larger can be made of it. */
class BoundedInterpreter extends Interpreter {
  private fuel: number;

  constructor(environment: Environment, fuel: number) {
    super(environment);
    this.fuel = fuel;
  }

  override evaluate(statement: unknown, environment: Environment): RuntimeValue {
    const value = super.evaluate(statement, environment);
    this.fuel -= 1 + sizeOf(value.value);
    if (this.fuel < 0) throw new AttsError('checkpoint', 'it evaluates too much');
    return value;
  }
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return value instanceof Map ? value.size : 0;
}

/** What transformers gives a template, as far as prompts need it. */
function environmentOf(variables: Readonly<Record<string, unknown>>): Environment {
  const environment = new Environment();
  const globals = {
    ...{ true: true, false: false, none: null, True: true, False: false, None: null },
    range,
    raise_exception: (message: string) => {
      throw new Error(message);
    },
  };
  for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
  return environment;
}

function range(first: number, last?: number, step = 1): number[] {
  const [from, to] = typeof last === 'number' ? [first, last] : [0, first];
  const length = Math.ceil((to - from) / (typeof step === 'number' ? step : 1));
  if (!(length <= longestRange)) throw new Error(`range of more than ${longestRange}`);
  return Array.from({ length: Math.max(0, length) }, (_, i) => from + i * step);
}

/** The system's text before the first user's; null where there is no system message or no user. */
function foldSystem(messages: readonly ChatMessage[]): ChatMessage[] | null {
  const system = messages.filter(({ role }) => role === 'system');
  const others = messages.filter(({ role }) => role !== 'system');
  const first = others.findIndex(({ role }) => role === 'user');
  if (system.length === 0 || first < 0) return null;
  const text = [...system, others[first]].map(({ content }) => content).join('\n\n');
  return others.with(first, { role: 'user', content: text });
}
