import type { CommandModule } from 'yargs';
import { inspectCommand } from './inspect.js';
import { listCommand } from './list.js';
import { pullCommand } from './pull.js';

export const modelsCommand: CommandModule = {
  command: 'models',
  describe: 'Models that are here, what is in them, and more from a hub',
  builder: (cli) =>
    cli.command(listCommand).command(inspectCommand).command(pullCommand).demandCommand(1, 'models needs a subcommand'),
  handler() {},
};
