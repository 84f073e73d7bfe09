import type { Options } from 'yargs';

/** Of every command that has something to tell. */
export const jsonFlag = {
  type: 'boolean',
  default: false,
  describe: 'One JSON document on standard output',
} as const satisfies Options;
