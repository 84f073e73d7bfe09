import type { CommandModule } from 'yargs';
import { AttsError, buildBanks, writeBankFile } from '../../index.js';
import { ProgressDisplay } from '../progress.js';
import { readRunConfig, runFlags } from '../run-options.js';
import { interruptible, openSession } from '../session.js';

export const calibrateCommand: CommandModule = {
  command: 'calibrate',
  describe: 'Draw a score bank from the calibration split and save it',
  builder: (cli) =>
    cli
      .options(runFlags(['method', 'schedule', 'bank']))
      .option('out', { type: 'string', default: 'bank.json', requiresArg: true, describe: 'File of the bank' }),
  async handler(argv) {
    const config = readRunConfig(argv, { method: 'atts' });
    const { draft, target, dataset, calibrationDataset } = await openSession(config);
    if (!draft || !target) throw new AttsError('usage', 'calibration needs a draft and a target');
    const from = config.calibration === 'per-question' ? dataset : (calibrationDataset ?? dataset);
    const progress = new ProgressDisplay('calibrating');
    const onProgress = (done: number, total: number) => progress.update({ phase: 'calibrate', done, total, tokens: 0 });
    const bank = await interruptible('nothing was written', (signal) =>
      buildBanks({ config, draft, target, dataset: from, signal, onProgress }),
    ).finally(() => progress.stop());
    await writeBankFile(argv.out as string, bank);
    if (argv.json) {
      process.stdout.write(`${JSON.stringify(bank)}\n`);
      return;
    }
    const lists = bank.questions
      ? Object.entries(bank.questions)
      : bank.turns.map((scores, t) => [`turn ${t}`, scores] as const);
    for (const [name, scores] of lists) process.stdout.write(`${name}: ${quantiles(scores)}\n`);
    process.stdout.write(`bank: ${argv.out}\n`);
  },
};

function quantiles(scores: readonly number[]): string {
  const sorted = [...scores].sort((a, b) => a - b);
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))].toFixed(4);
  return `${sorted.length} scores, quartiles ${at(0.25)} ${at(0.5)} ${at(0.75)}, largest ${at(1)} nats a token`;
}
