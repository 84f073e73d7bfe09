import type { CommandModule } from 'yargs';
import { type BankFile, inspectBank, kolmogorovSmirnovTwoSample, readBankFile, scoresByTurn } from '../../../index.js';
import { jsonFlag } from '../../json-flag.js';
import { describeBank } from './describe.js';

export const inspectCommand: CommandModule = {
  command: 'inspect <banks..>',
  describe: 'What score banks hold (JSON, lists of numbers or .npy); two are compared',
  builder: (cli) =>
    cli
      .positional('banks', { type: 'string', array: true, demandOption: true, describe: 'Files of banks' })
      .option('json', jsonFlag),
  async handler(argv) {
    const paths = argv.banks as string[];
    const banks: BankFile[] = [];
    for (const path of paths) banks.push(await readBankFile(path));
    const ks = banks.length === 2 ? comparison(banks[0], banks[1]) : null;
    if (argv.json) {
      const inspected = banks.map((bank, index) => ({ path: paths[index], ...inspectBank(bank) }));
      process.stdout.write(`${JSON.stringify({ schema: 'atts.bank-inspection/1', banks: inspected, ks })}\n`);
      return;
    }
    const lines = banks.map((bank, index) => `${paths[index]}\n${describeBank(bank)}\n`);
    const compared = ks?.map(
      ({ turn, d, p }) => `turn ${turn}: Kolmogorov–Smirnov d = ${d.toFixed(4)}, p = ${p.toPrecision(3)}\n`,
    );
    process.stdout.write([...lines, ...(compared ? [`the two banks\n${compared.join('')}`] : [])].join('\n'));
  },
};

/** Turn by turn, as far as both go. */
function comparison(a: BankFile, b: BankFile): { turn: number; d: number; p: number }[] {
  const [own, other] = [scoresByTurn(a).turns, scoresByTurn(b).turns];
  return own
    .slice(0, other.length)
    .map((scores, turn) => ({ turn, ...kolmogorovSmirnovTwoSample(scores, other[turn]) }));
}
