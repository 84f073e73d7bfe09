import { setTimeout as sleep } from 'node:timers/promises';
import { AttsError } from '../errors.js';
import type { ServerOptions } from './server.js';

export interface ListenOptions extends ServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

export interface ListeningServer {
  readonly url: string;
  /** Names of the models it serves. */
  readonly models: readonly string[];
  /**
   * Refuses new requests, lets those under way end within so many seconds, gives up those that do not, and stops
   * listening. The engines stay open.
   */
  stop(seconds: number): Promise<void>;
}

/** @throws AttsError `usage` for an address that cannot be had */
export async function listen({ host, port, ...options }: ListenOptions): Promise<ListeningServer> {
  // The server's packages are loaded by those alone who serve.
  const { buildServer } = await import('./server.js');
  const { app, models, drain } = await buildServer(options);
  let url: string;
  try {
    url = await app.listen({ host, port });
  } catch (cause) {
    await app.close();
    const why = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'the port is taken' : String(cause);
    throw new AttsError('usage', `cannot listen on ${host} port ${port}: ${why}`, { cause });
  }
  return {
    ...{ url, models },
    async stop(seconds) {
      const patience = new AbortController();
      const late = sleep(seconds * 1000, undefined, { signal: patience.signal }).catch(() => {});
      await Promise.race([drain(), late]);
      patience.abort();
      await app.close();
    },
  };
}
