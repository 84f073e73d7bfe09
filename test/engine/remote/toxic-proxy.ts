import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { request as ask } from 'undici';
import { philox } from '../../../src/engine/local/random.js';

/** What the server behind the proxy answered. */
interface Answer {
  readonly status: number;
  readonly text: string;
}

type Fault = (answer: Answer, response: ServerResponse) => void | Promise<void>;

const replaced =
  (status: number, text: string, headers: Readonly<Record<string, string>> = {}): Fault =>
  (_, response) => {
    response.writeHead(status, headers).end(text);
  };
const rewritten =
  (rewrite: (text: string) => string): Fault =>
  ({ status, text }, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(rewrite(text));
  };
/** The length of the whole, and a part of it. */
const begun = ({ status, text }: Answer, response: ServerResponse, then = () => {}) => {
  response.writeHead(status, { 'content-length': Buffer.byteLength(text) }).write(text.slice(0, 20), then);
};

/** What becomes of a right answer on its way. */
const faultsOfAnswers = {
  reset: (_, response) => void response.socket?.resetAndDestroy(),
  hang: () => {},
  'body that stalls': (answer, response) => begun(answer, response),
  'body that is cut': (answer, response) => begun(answer, response, () => response.destroy()),
  'slow body': async ({ status, text }, response) => {
    response.writeHead(status);
    const piece = Math.ceil(text.length / 8);
    for (let at = 0; at < text.length; at += piece) {
      response.write(text.slice(at, at + piece));
      await sleep(5);
    }
    response.end();
  },
  '500': replaced(500, 'Internal Server Error'),
  '503': replaced(503, '{"error":{"message":"loading"}}', { 'retry-after': '0' }),
  '429': replaced(429, '{}', { 'retry-after': '0.01' }),
  'truncated JSON': rewritten((text) => text.slice(0, text.length / 2)),
  'no document': replaced(200, '<html>gateway</html>'),
  'another document': replaced(200, '{"choices":[],"object":"error"}'),
  'a token too few': recounted((list) => list.slice(0, -1)),
  'a token too many': recounted((list) => [...list, list.at(-1)]),
  NaN: rewritten((text) => text.replaceAll(/-\d+\.\d+/g, 'NaN')),
  null: rewritten((text) => text.replaceAll(/-\d+\.\d+/g, 'null')),
} satisfies Record<string, Fault>;

/** The server never hears of the request. */
const faultsOfRequests = {
  'reset unheard': (_, response) => void response.socket?.resetAndDestroy(),
  '502 unheard': replaced(502, '<html>bad gateway</html>'),
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof faultsOfAnswers | keyof typeof faultsOfRequests;
export const faultNames = [...Object.keys(faultsOfAnswers), ...Object.keys(faultsOfRequests)] as FaultName[];

/** An answer whose lists that have an entry a token are others. */
function recounted(change: (list: unknown[]) => unknown[]): Fault {
  return rewritten((text) => JSON.stringify(JSON.parse(text, counted(change))));
}

/** A reviver of JSON that changes the lists which have an entry a token. */
function counted(change: (list: unknown[]) => unknown[]) {
  const lists = ['input_token_logprobs', 'prompt_logprobs', 'token_ids', 'output_ids', 'token_logprobs'];
  return (name: string, value: unknown) =>
    lists.includes(name) && Array.isArray(value) && value.length > 0 ? change(value) : value;
}

/** Stands between a client and an honest server, and spoils a tenth of all requests, each in one of many ways. */
export class ToxicProxy {
  /** How often each fault was met. */
  readonly met = new Map<FaultName, number>();
  requests = 0;
  private readonly upstream: string;
  private readonly seed: number;
  private readonly server: Server;

  /** @param upstream host and port of the server; @param seed which requests meet which fault, in the order they come */
  constructor(upstream: string, seed: number) {
    this.upstream = upstream;
    this.seed = seed;
    this.server = createServer((request, response) => {
      // A connection that a fault has cut may end under any of these steps.
      this.pass(request, response).catch(() => response.destroy());
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
    return this;
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((done) => this.server.close(() => done()));
  }

  private async pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = this.nextFault();
    let sent = '';
    for await (const data of request) sent += data;
    if (fault !== null && fault in faultsOfRequests) {
      return faultsOfRequests[fault as keyof typeof faultsOfRequests]({ status: 0, text: '' }, response);
    }
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const { method, url, headers } = request;
    const answer = await ask(`http://${this.upstream}${url}`, {
      ...{ method: method as 'GET' | 'POST', signal: gone.signal },
      ...(sent === '' ? {} : { body: sent, headers: { 'content-type': headers['content-type'] } }),
    });
    const text = await answer.body.text();
    const whole = { status: answer.statusCode, text };
    if (fault === null) rewritten((unchanged) => unchanged)(whole, response);
    else await faultsOfAnswers[fault as keyof typeof faultsOfAnswers](whole, response);
  }

  private nextFault(): FaultName | null {
    const [chance, which] = philox([this.requests++, 0, 0, 0], [this.seed, 0]);
    if (chance % 10 !== 0) return null;
    const name = faultNames[which % faultNames.length];
    this.met.set(name, (this.met.get(name) ?? 0) + 1);
    return name;
  }
}
