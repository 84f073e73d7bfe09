import type { Options } from 'yargs';
import { AttsError, backendChoices, type EngineOptions } from '../index.js';
import { warn } from './progress.js';

/** Flags of the commands that open one engine and run no method. */
export const engineFlags = {
  backend: { choices: backendChoices, default: 'auto', describe: 'tfjs backend' },
  dtype: { choices: ['auto', 'f32', 'f16', 'bf16', 'q8', 'q4'], default: 'auto', describe: 'How weights are kept' },
  'cache-dtype': { choices: ['f32', 'bf16'], default: 'f32', describe: 'How keys and values are kept' },
  threads: { type: 'number', requiresArg: true, describe: 'Threads of the simd backend' },
} as const satisfies Record<string, Options>;

export const modelFlag = {
  ...{ type: 'string', demandOption: true, requiresArg: true },
  describe: 'Embedded name, folder, .gguf file or its URL, or server',
} as const satisfies Options;

/** @throws AttsError `usage` */
export function engineOptions({ backend, dtype, cacheDtype, threads }: Record<string, unknown>): EngineOptions {
  if (threads !== undefined && !(Number.isInteger(threads) && Number(threads) > 0 && Number(threads) <= 256)) {
    throw new AttsError('usage', `--threads must be a whole number from 1 to 256 (got ${threads})`);
  }
  return {
    backend: backend as EngineOptions['backend'],
    dtype: dtype as EngineOptions['dtype'],
    cacheDtype: cacheDtype as EngineOptions['cacheDtype'],
    threads: threads as number | undefined,
    onNote: warn,
  };
}
