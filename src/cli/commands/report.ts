import type { CommandModule } from 'yargs';
import { writeReport } from '../../index.js';
import { jsonFlag } from '../json-flag.js';

export const reportCommand: CommandModule = {
  command: 'report <directory>',
  describe: 'Write the HTML report of a run or a comparison',
  builder: (cli) => cli.positional('directory', { type: 'string', demandOption: true }).option('json', jsonFlag),
  async handler(argv) {
    const report = await writeReport(argv.directory as string);
    process.stdout.write(`${argv.json ? JSON.stringify({ report }) : report}\n`);
  },
};
