import type { CommandModule } from 'yargs';
import { AttsError, buildBanks, storedBank, writeBankFile } from '../../../index.js';
import { ProgressDisplay } from '../../progress.js';
import { readRunConfig, runFlags } from '../../run-options.js';
import { interruptible, openSession } from '../../session.js';
import { describeBank } from './describe.js';

export const buildCommand: CommandModule = {
  command: '$0',
  describe: 'Draw a score bank from the calibration split and save it',
  builder: (cli) =>
    cli
      .options(runFlags(['method', 'schedule', 'bank', 'bankWeights']))
      .option('out', { type: 'string', default: 'bank.json', requiresArg: true, describe: 'File of the bank' }),
  async handler(argv) {
    const config = readRunConfig(argv, { method: 'atts' });
    const out = argv.out as string;
    if (config.calibration === 'per-turn' && out.endsWith('.npy')) {
      throw new AttsError('usage', `--out ${out}: NPY holds scores of one turn; write per-turn banks to .json`);
    }
    const { draft, target, dataset, calibrationDataset } = await openSession(config);
    if (!draft || !target) throw new AttsError('usage', 'calibration needs a draft and a target');
    const from = config.calibration === 'per-question' ? dataset : (calibrationDataset ?? dataset);
    const progress = new ProgressDisplay('calibrating');
    const onProgress = (done: number, total: number) => progress.update({ phase: 'calibrate', done, total, tokens: 0 });
    const bank = await interruptible('nothing was written', (signal) =>
      buildBanks({ config, draft, target, dataset: from, signal, onProgress }),
    ).finally(() => progress.stop());
    await writeBankFile(out, bank);
    process.stdout.write(argv.json ? `${JSON.stringify(storedBank(bank))}\n` : `${describeBank(bank)}\nbank: ${out}\n`);
  },
};
