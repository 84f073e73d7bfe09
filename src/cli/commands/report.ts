import type { CommandModule } from 'yargs';
import { writeReport } from '../../index.js';

export const reportCommand: CommandModule = {
  command: 'report <directory>',
  describe: 'Write the HTML report of a run or a comparison',
  builder: (cli) => cli.positional('directory', { type: 'string', demandOption: true }),
  async handler(argv) {
    process.stdout.write(`${await writeReport(argv.directory as string)}\n`);
  },
};
