import type { CommandModule } from 'yargs';
import {
  AttsError,
  type Engine,
  type ListeningServer,
  type ListenOptions,
  listen,
  openEngine,
  openPair,
  readBankFile,
} from '../../index.js';
import { warn } from '../progress.js';
import { readRunConfig, runFlags } from '../run-options.js';

/** Settings of a run that a server has no use for: it is given problems one by one, and asks no data set. */
const notServed = [
  ...(['method', 'dataset', 'limit', 'schedule', 'concurrency', 'profile', 'shard'] as const),
  ...(['calibrateOn', 'calibrationProblems', 'calibrationSamples'] as const),
];

export const serveCommand: CommandModule = {
  command: 'serve',
  describe: 'Serve models, and the method, over HTTP (OpenAI, vLLM and SGLang protocols)',
  builder: (cli) =>
    cli.options({
      model: {
        type: 'string',
        requiresArg: true,
        describe: 'Serve this model alone: spec as for --target',
      },
      host: { type: 'string', default: '127.0.0.1', requiresArg: true, describe: 'Address to listen on' },
      port: { type: 'number', default: 8000, requiresArg: true, describe: '0 = any that is free' },
      'max-queue': { type: 'number', default: 1024, requiresArg: true, describe: 'Calls that may wait for the batch' },
      'body-limit': { type: 'number', default: 4, requiresArg: true, describe: 'Largest request, MiB' },
      'drain-seconds': {
        type: 'number',
        default: 30,
        requiresArg: true,
        describe: 'Time that requests have to end in',
      },
      'log-requests': { type: 'boolean', default: false, describe: 'A line a request on standard error' },
      ...runFlags(notServed),
    }),
  async handler(argv) {
    const drainSeconds = wholeNumber(argv, 'drain-seconds', 0, 3600);
    const host = argv.host as string;
    const apiKey = process.env.ATTS_API_KEY || null;
    const options = {
      ...{ host, apiKey, port: wholeNumber(argv, 'port', 0, 65535) },
      maxQueue: wholeNumber(argv, 'max-queue', 0, 1_000_000),
      bodyLimit: wholeNumber(argv, 'body-limit', 1, 1024) * 2 ** 20,
      log: { level: argv.logRequests ? ('info' as const) : ('error' as const), stream: process.stderr },
    };
    const { close, ...served } = await openServed(argv);
    if (apiKey === null && !isLoopback(host)) {
      process.stderr.write(`anybody who reaches ${host} may use this server; ATTS_API_KEY sets a key\n`);
    }
    const server = await listen({ ...options, ...served });
    const { url, models } = server;
    const told = argv.json ? JSON.stringify({ schema: 'atts.serve/1', url, models }) : `${models.join(', ')} at ${url}`;
    process.stdout.write(`${told}\n`);
    await untilStopped(server, drainSeconds);
    await close();
  },
};

type Served = Pick<ListenOptions, 'engines' | 'method'> & { close(): Promise<void> };

/** One model, or a pair and the method. */
async function openServed(argv: Record<string, unknown>): Promise<Served> {
  const config = readRunConfig(argv);
  const { model, draft, target } = argv as Record<string, string | undefined>;
  if ((model === undefined) === (draft === undefined || target === undefined) || (model && (draft ?? target))) {
    throw new AttsError(
      'usage',
      'give --model to serve one model, or --draft and --target to serve both and the method',
    );
  }
  if (model !== undefined) {
    const engine = await openEngine(model, { ...config, onNote: warn });
    return { engines: { target: engine }, close: () => engine.close() };
  }
  const bank = config.bank === null ? null : await readBankFile(config.bank);
  const pair = await openPair({ ...config, onNote: warn });
  return {
    engines: { draft: pair.draft, target: pair.target as Engine },
    method: { config, bank },
    close: () => pair.close(),
  };
}

/** The first signal ends the server in an orderly way, the second at once. */
async function untilStopped(server: ListeningServer, seconds: number): Promise<void> {
  await new Promise<void>((resolve) => {
    let isStopping = false;
    const stop = () => {
      if (isStopping) process.exit(130);
      isStopping = true;
      process.stderr.write('stopping when the requests under way have ended; once more to stop at once\n');
      void server.stop(seconds).then(resolve);
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function wholeNumber(argv: Record<string, unknown>, flag: string, least: number, most: number): number {
  const value = argv[flag];
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return Number(value);
  throw new AttsError('usage', `--${flag} must be a whole number from ${least} to ${most} (got ${value})`);
}
