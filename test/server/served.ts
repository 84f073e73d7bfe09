import type { Engine, RunConfig, Tokenizer, TokenText } from '../../src/index.js';
import { openEngine, runConfigSchema } from '../../src/index.js';
import type { ErrorBody } from '../../src/server/errors.js';
import { buildServer, type Server, type ServerOptions } from '../../src/server/server.js';

/** The embedded pair behind a server that is asked without a socket. */
export interface Served extends Server {
  readonly target: Engine;
  readonly draft: Engine;
  /** Lines of its log. */
  readonly logged: string[];
  /** @returns status and body of a POST */
  ask<T = ErrorBody>(url: string, body: unknown): Promise<{ status: number; body: T }>;
  close(): Promise<void>;
}

export async function openServed(
  options: Partial<ServerOptions> & { readonly settings?: Partial<RunConfig> } = {},
): Promise<Served> {
  const { settings, ...rest } = options;
  const target = await openEngine('abacus-qwen3-2m');
  const draft = await openEngine('abacus-llama-0.4m');
  const logged: string[] = [];
  const server = await buildServer({
    engines: { target, draft },
    method: { config: runConfigSchema.parse({ policy: 'replace', samples: 3, ...settings }), bank: null },
    log: { level: 'error', stream: { write: (line) => void logged.push(line) } },
    ...rest,
  });
  return {
    ...{ ...server, target, draft, logged },
    async ask(url, body) {
      const response = await server.app.inject({ method: 'POST', url, payload: body as object });
      return { status: response.statusCode, body: response.json() };
    },
    async close() {
      await server.app.close();
      await target.close();
      await draft.close();
    },
  };
}

/** Token ids as an engine takes them. */
export function piece({ decode, fingerprint }: Tokenizer, ids: readonly number[]): TokenText {
  return { ids, text: decode(ids), fingerprint };
}

/** The documents of a stream of server-sent events, the last of which must be its end. */
export function eventsOf<T>(text: string): T[] {
  const events = text.split('\n\n').filter((event) => event !== '');
  if (events.pop() !== 'data: [DONE]') throw new Error('the stream has no end');
  return events.map((event) => JSON.parse(event.slice('data: '.length)) as T);
}
