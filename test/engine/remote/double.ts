import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Engine, Generation } from '../../../src/engine/engine.js';

/** What a double answers: a status, and a document or text. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
  /** The client's, which names the connection. */
  readonly port: number | undefined;
  readonly body: Record<string, unknown>;
  /** Raised when the client hangs up. */
  readonly signal: AbortSignal;
}

/**
 * A server of the tests that speaks a protocol as its documentation says, with an engine of this process behind it: what
 * it answers is real.
 */
export class Double {
  readonly calls: Call[] = [];
  /** Calls whose client hung up before the answer. */
  abandoned = 0;
  private server: Server | null = null;
  private port = 0;
  private readonly answer: (call: Call) => Promise<Answer>;

  constructor(answer: (call: Call) => Promise<Answer>) {
    this.answer = answer;
  }

  /** Listens, the second time at the same port. */
  async start(): Promise<this> {
    this.server = createServer((request, response) => void this.serve(request, response));
    await new Promise<void>((done) => this.server?.listen(this.port, '127.0.0.1', done));
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** As a process that was killed: its connections are gone too. */
  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise<void>((done) => (this.server?.listening ? this.server.close(() => done()) : done()));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let sent = '';
    for await (const data of request) sent += data;
    const controller = new AbortController();
    response.on('close', () => {
      if (response.writableFinished) return;
      this.abandoned++;
      controller.abort();
    });
    const { method = 'GET', url = '/', headers } = request;
    const call: Call = {
      ...{ method, path: url, authorization: headers.authorization ?? null },
      ...{ port: request.socket.remotePort, signal: controller.signal },
      body: sent === '' ? {} : JSON.parse(sent),
    };
    this.calls.push(call);
    try {
      const { status = 200, headers: more = {}, body } = await this.answer(call);
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      response.writeHead(status, { 'content-type': 'application/json', ...more }).end(text);
    } catch (error) {
      if (controller.signal.aborted) return;
      response.writeHead(500).end(JSON.stringify({ error: { message: String(error) } }));
    }
  }
}

export const piece = ({ tokenizer }: Engine, ids: readonly number[]) => ({
  ...{ ids, text: tokenizer.decode(ids), fingerprint: tokenizer.fingerprint },
});

export interface Sampling {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
}

export function generate(engine: Engine, ids: readonly number[], sampling: Sampling, signal: AbortSignal) {
  const key = { seed: sampling.seed ?? 0, problem: 'double', sample: 0, role: 'double' };
  return engine.generate({ ...sampling, prefix: piece(engine, ids), key, signal });
}

/** Log-probabilities of the ids from a position on, of which the one at 0 does not exist. */
export async function logProbsFrom(engine: Engine, ids: readonly number[], from: number, top = 0) {
  const start = Math.max(1, from);
  if (start >= ids.length) return { logProbs: [], tops: [] };
  const request = { prefix: piece(engine, ids.slice(0, start)), chunk: piece(engine, ids.slice(start)), top };
  const { logProbs, top: tops = [] } = await engine.score(request);
  return { logProbs, tops };
}

/** The text as servers tell it: what completes a stop string ends it, with the string or before it. */
export function textUpTo(text: string, stop: readonly string[], keeps: boolean): string {
  for (const string of stop) {
    const at = text.indexOf(string);
    if (at !== -1) return text.slice(0, keeps ? at + string.length : at);
  }
  return text;
}

export const matchedStop = ({ text, finish }: Generation, stop: readonly string[]): string | null =>
  finish === 'stop-string' ? (stop.find((string) => text.includes(string)) ?? null) : null;
