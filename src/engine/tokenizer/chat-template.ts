import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { AttsError } from '../../errors.js';
import type { ChatMessage } from '../engine.js';

/** What the worker is asked and what it answers. */
export interface RenderRequest {
  readonly template: string;
  readonly variables: Readonly<Record<string, unknown>>;
}
export type RenderAnswer = { readonly text: string } | { readonly error: string };

/** Starting a thread takes some 50 ms, a rendering one; the rest is for a loaded machine. */
const startMilliseconds = 30_000;
const renderMilliseconds = 2000;
/** Beyond the messages' own length. */
const longestRendering = 1_000_000;
const heapMiB = 64;

/**
 * A checkpoint's chat template. It is a program that a stranger wrote: Jinja has no way to files or code, and it runs in a
 * thread of its own with bounded time and memory.
 */
export class ChatTemplate {
  private readonly template: string;
  private readonly source: string;
  private thread: RenderThread | null = null;

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
    const answer = this.ask(messages, tokens);
    if ('text' in answer) return answer.text;
    const folded = foldSystem(messages);
    const second = folded === null ? answer : this.ask(folded, tokens);
    if ('text' in second) return second.text;
    throw this.failure(answer.error);
  }

  private ask(messages: readonly ChatMessage[], tokens: Readonly<Record<string, string>>): RenderAnswer {
    this.thread ??= new RenderThread();
    const variables = { ...tokens, messages, add_generation_prompt: true };
    const answer = this.thread.ask({ template: this.template, variables });
    if (answer === null) {
      this.thread.end();
      this.thread = null;
      throw this.failure(`it takes more than ${renderMilliseconds / 1000} s or ${heapMiB} MiB`);
    }
    const length = messages.reduce((sum, { content }) => sum + content.length, longestRendering);
    if ('text' in answer && answer.text.length > length) {
      throw this.failure(`it makes ${answer.text.length} characters`);
    }
    return answer;
  }

  private failure(why: string): AttsError {
    const line = why.replace(/\s+/g, ' ').slice(0, 200);
    return new AttsError(
      'checkpoint',
      `${this.source}: its chat template fails: ${line}; --prompt raw does without it`,
    );
  }
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

/** A thread that renders, asked and waited for. */
class RenderThread {
  /** 0 starting, 1 ready or answered, by turns. */
  private readonly state = new Int32Array(new SharedArrayBuffer(4));
  private readonly channel = new MessageChannel();
  private readonly worker: Worker;

  constructor() {
    this.worker = new Worker(new URL('./chat-template-worker.js', import.meta.url), {
      workerData: { state: this.state, port: this.channel.port2 },
      transferList: [this.channel.port2],
      resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: 16 },
      ...{ env: {}, stdin: false, stdout: true, stderr: true },
    });
    // Its end by lack of memory is seen by its silence.
    this.worker.on('error', () => {});
    this.worker.unref();
    this.channel.port1.unref();
    Atomics.wait(this.state, 0, 0, startMilliseconds);
  }

  /** @returns null where no answer came in time */
  ask(request: RenderRequest): RenderAnswer | null {
    Atomics.store(this.state, 0, 0);
    this.channel.port1.postMessage(request);
    Atomics.wait(this.state, 0, 0, renderMilliseconds);
    return receiveMessageOnPort(this.channel.port1)?.message ?? null;
  }

  end(): void {
    void this.worker.terminate();
    this.channel.port1.close();
  }
}
