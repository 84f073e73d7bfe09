import type { CommandModule } from 'yargs';
import { buildCommand } from './build.js';
import { inspectCommand } from './inspect.js';
import { mergeCommand } from './merge.js';

export const calibrateCommand: CommandModule = {
  command: 'calibrate',
  describe: 'Draw a score bank from the calibration split and save it; inspect or merge banks',
  builder: (cli) => cli.command(buildCommand).command(inspectCommand).command(mergeCommand),
  handler() {},
};
