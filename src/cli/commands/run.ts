import type { CommandModule } from 'yargs';
import { type RunConfig, type ScaleResult, scale, writeReport } from '../../index.js';
import { accuracyText, percent } from '../format.js';
import { ProgressDisplay } from '../progress.js';
import { readRunConfig, runFlags } from '../run-options.js';
import { interruptible, openSession } from '../session.js';

export const runCommand: CommandModule = {
  command: 'run',
  describe: 'Run one method on one dataset',
  builder: (cli) =>
    cli.options(runFlags()).option('out', { type: 'string', requiresArg: true, describe: 'Run directory' }),
  async handler(argv) {
    const config = readRunConfig(argv);
    const out = (argv.out as string | undefined) ?? defaultDirectory(config);
    const session = await openSession(config);
    const progress = new ProgressDisplay(config.method === 'atts' ? config.schedule : config.method);
    const result = await interruptible(`run the same command again to resume ${out}`, (signal) =>
      scale({ config, ...session, out, signal, onProgress: progress.update }),
    ).finally(() => progress.stop());
    const report = await writeReport(out);
    if (argv.json) process.stdout.write(`${JSON.stringify(result.summary, null, 2)}\n`);
    else process.stdout.write(`${describe(result, out, report)}\n`);
  },
};

function defaultDirectory({ method, schedule, dataset, seed }: RunConfig): string {
  const name = method === 'atts' ? schedule : method;
  return `runs/${name}-${dataset.replace(/[^\w.-]+/g, '-')}-seed${seed}`;
}

function describe({ summary }: ScaleResult, out: string, report: string): string {
  const { rejection, tokens, time, chains } = summary;
  const count = summary.problems * summary.samples;
  const each = (n: number) => (n / count).toFixed(0);
  return [
    `accuracy   ${accuracyText(summary)}  (mean@1, 95 % by problems; ${summary.problems} problems × ${summary.samples} chains)`,
    rejection &&
      `rejected   ${percent(rejection.overall)} of chunks, wanted ${percent(rejection.wanted)} (${rejection.calibration})`,
    `tokens     ${each(tokens.draftGenerated)} draft, ${each(tokens.targetScored)} scored, ${each(tokens.targetGenerated)} target a chain`,
    `time       ${time.wallSeconds.toFixed(1)} s; at barriers ${(time.syncWaitSeconds / count).toFixed(3)} s a chain`,
    chains.failed > 0 &&
      `failed     ${chains.failed} chains (their cause is in samples.jsonl; the same command tries them again)`,
    `record     ${out}`,
    `report     ${report}`,
  ]
    .filter(Boolean)
    .join('\n');
}
