import type { CommandModule } from 'yargs';
import { listCommand } from './list.js';
import { pullCommand } from './pull.js';

export const modelsCommand: CommandModule = {
  command: 'models',
  describe: 'Models that are here, and more from a hub',
  builder: (cli) => cli.command(listCommand).command(pullCommand).demandCommand(1, 'models needs a subcommand'),
  handler() {},
};
