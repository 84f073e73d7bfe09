import type { CommandModule } from 'yargs';
import { inspectCommand } from './inspect.js';
import { listCommand } from './list.js';

export const modelsCommand: CommandModule = {
  command: 'models',
  describe: 'Models that are here, and what is in them',
  builder: (cli) => cli.command(listCommand).command(inspectCommand).demandCommand(1, 'models needs a subcommand'),
  handler() {},
};
