import type { CommandModule } from 'yargs';
import { cachedModels, embeddedCheckpoints } from '../../../index.js';
import { bytesText, table } from '../../format.js';
import { jsonFlag } from '../../json-flag.js';

export const listCommand: CommandModule = {
  command: 'list',
  describe: "Models that come with the package, and those in the hub's cache",
  builder: (cli) => cli.option('json', jsonFlag),
  handler(argv) {
    const [embedded, cached] = [embeddedCheckpoints(), cachedModels()];
    if (argv.json) {
      process.stdout.write(`${JSON.stringify([...embedded, ...cached])}\n`);
      return;
    }
    const rows = embedded.map(({ name, family, parameters, dtype, role }) => [
      ...[name, family, parameters.toLocaleString('en'), dtype, role],
    ]);
    process.stdout.write(`${table([['model', 'family', 'parameters', 'dtype', 'made for'], ...rows])}\n`);
    if (cached.length === 0) return;
    const pulled = cached.map(({ name, revision, refs, files, bytes }) => [
      ...[name, [...refs, revision.slice(0, 8)].join(' '), `${files.length}`, bytesText(bytes)],
    ]);
    process.stdout.write(`\n${table([['pulled', 'revision', 'files', 'size'], ...pulled])}\n`);
  },
};
