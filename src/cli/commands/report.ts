import type { CommandModule } from 'yargs';
import { writeReport } from '../../index.js';

export const reportCommand: CommandModule = {
  command: 'report <directory>',
  describe: 'Write the HTML report of a run or a comparison',
  builder: (cli) =>
    cli
      .positional('directory', { type: 'string', demandOption: true })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on standard output' }),
  async handler(argv) {
    const report = await writeReport(argv.directory as string);
    process.stdout.write(`${argv.json ? JSON.stringify({ report }) : report}\n`);
  },
};
