import type { CommandModule } from 'yargs';
import { embeddedCheckpoints } from '../../../index.js';
import { table } from '../../format.js';

export const listCommand: CommandModule = {
  command: 'list',
  describe: 'Models that come with the package',
  builder: (cli) =>
    cli.option('json', { type: 'boolean', default: false, describe: 'One JSON document on standard output' }),
  handler(argv) {
    const models = embeddedCheckpoints();
    if (argv.json) {
      process.stdout.write(`${JSON.stringify(models)}\n`);
      return;
    }
    const rows = models.map(({ name, family, parameters, dtype, role }) => [
      ...[name, family, parameters.toLocaleString('en'), dtype, role],
    ]);
    process.stdout.write(`${table([['model', 'family', 'parameters', 'dtype', 'made for'], ...rows])}\n`);
  },
};
