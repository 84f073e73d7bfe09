import { createHash } from 'node:crypto';
import { basename, extname } from 'node:path';
import type { CommandModule } from 'yargs';
import { type RunConfig, type ScaleResult, type Summary, scale, writeReport } from '../../index.js';
import { accuracyText, percent } from '../format.js';
import { ProgressDisplay, warn } from '../progress.js';
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
      scale({ config, ...session, out, signal, onProgress: progress.update, onNote: warn }),
    ).finally(() => progress.stop());
    const report = await writeReport(out);
    if (argv.json) process.stdout.write(`${JSON.stringify(result.summary, null, 2)}\n`);
    else process.stdout.write(`${describe(result, out, report)}\n`);
  },
};

/** Equal settings give equal names: the same command resumes its run, another one never meets it. Shards end in theirs. */
function defaultDirectory(config: RunConfig): string {
  const { shard, ...whole } = config;
  const { method, schedule, samples, seed } = whole;
  const name = method === 'atts' ? schedule : method;
  const dataset = basename(config.dataset, extname(config.dataset)).replace(/[^\w.-]+/g, '-');
  const hash = createHash('sha256').update(JSON.stringify(whole)).digest('hex').slice(0, 6);
  return `runs/${name}-${dataset}-${samples}chains-seed${seed}-${hash}${shard === null ? '' : `-shard${shard.replace('/', 'of')}`}`;
}

function describe({ summary }: ScaleResult, out: string, report: string): string {
  const { rejection, tokens, time, chains, intensity } = summary;
  const count = summary.problems * summary.samples;
  const each = (n: number) => (n / count).toFixed(0);
  return [
    `accuracy   ${accuracyText(summary)}  (mean@1, 95 % by problems; ${summary.problems} problems × ${summary.samples} chains)`,
    rejection &&
      `rejected   ${percent(rejection.overall)} of chunks, wanted ${percent(rejection.wanted)} (${rejection.calibration}${boundText(rejection)})`,
    `tokens     ${each(tokens.draftGenerated)} draft, ${each(tokens.targetScored)} scored, ${each(tokens.targetGenerated)} target a chain`,
    `time       ${time.wallSeconds.toFixed(1)} s, ${summary.throughput.tokensPerSecond.toFixed(0)} tokens/s`,
    `waiting    ${(time.syncWaitSeconds / count).toFixed(3)} s at barriers, ${(time.queueWaitSeconds / count).toFixed(3)} s in queues a chain`,
    intensity.classical !== null &&
      `intensity  ${intensity.classical.toFixed(2)} FLOP/byte; r = ${intensity.asynchronous?.toFixed(3)} = compute ${time.computeSeconds?.toFixed(2)} s / (memory ${time.memorySeconds?.toFixed(2)} s + barriers ${time.syncWaitSeconds.toFixed(2)} s)`,
    chains.unanswered > 0 && `unanswered ${chains.unanswered} of ${chains.finished} chains`,
    chains.failed > 0 &&
      `failed     ${chains.failed} chains (their cause is in samples.jsonl; the same command tries them again)`,
    `record     ${out}`,
    `report     ${report}`,
  ]
    .filter(Boolean)
    .join('\n');
}

function boundText({ bound }: NonNullable<Summary['rejection']>): string {
  return bound ? `; bound ±${percent(bound.value)} ${bound.holds ? 'holds' : 'BROKEN'}` : '';
}
