import type { CommandModule } from 'yargs';
import { AttsError, inspectBank, mergeBanks, readBankFile, writeBankFile } from '../../../index.js';
import { jsonFlag } from '../../json-flag.js';
import { describeBank } from './describe.js';

export const mergeCommand: CommandModule = {
  command: 'merge <banks..>',
  describe: 'The scores of banks that were drawn alike as one bank',
  builder: (cli) =>
    cli
      .positional('banks', { type: 'string', array: true, demandOption: true, describe: 'Files of banks' })
      .option('out', { type: 'string', demandOption: true, requiresArg: true, describe: 'File of the bank' })
      .option('force', {
        type: 'boolean',
        default: false,
        describe: 'Merge what was drawn differently; it is recorded',
      })
      .option('json', jsonFlag),
  async handler(argv) {
    const paths = argv.banks as string[];
    const out = argv.out as string;
    if (paths.length < 2) throw new AttsError('usage', 'merge needs two score banks or more');
    let merged = await readBankFile(paths[0]);
    for (const path of paths.slice(1)) {
      merged = mergeBanks(merged, await readBankFile(path), { force: argv.force as boolean });
    }
    await writeBankFile(out, merged);
    const document = { schema: 'atts.bank-inspection/1', banks: [{ path: out, ...inspectBank(merged) }], ks: null };
    process.stdout.write(argv.json ? `${JSON.stringify(document)}\n` : `${describeBank(merged)}\nbank: ${out}\n`);
  },
};
