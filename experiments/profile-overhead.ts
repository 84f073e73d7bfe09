/**
 * What does `--profile` cost? The same run with and without it, in turn, in one process; the chains are the same. Told are
 * wall time and processor time, which other programs disturb less.
 *
 *   node dist/experiments/profile-overhead.js [--pairs 15] [--concurrency 64] [--threads 1] [--out runs/profile-overhead]
 */
import { parseArgs } from 'node:util';
import { clusteredBootstrap, median, runConfigSchema } from '../src/index.js';
import { runMethod } from './run-method.js';
import { markdownTable, writeResults } from './table.js';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '15' },
    concurrency: { type: 'string', default: '64' },
    threads: { type: 'string', default: '1' },
    out: { type: 'string', default: 'runs/profile-overhead' },
  },
});
const base = runConfigSchema.parse({
  ...{ limit: 4, samples: 8, policy: 'replace', schedule: 'sync', calibration: 'budget' },
  ...{ concurrency: Number(values.concurrency), threads: Number(values.threads) },
});

interface Cost {
  readonly wall: number;
  readonly processor: number;
}

async function run(profile: boolean): Promise<Cost> {
  let begun = process.cpuUsage();
  // Opening models and reading limits is no part of the run.
  const { summary } = await runMethod({ ...base, profile }, profile ? 'with' : 'without', null, () => {
    begun = process.cpuUsage();
  });
  const { user, system } = process.cpuUsage(begun);
  return { wall: summary.time.wallSeconds, processor: (user + system) / 1e6 };
}

await run(true);
const pairs: { with: Cost; without: Cost }[] = [];
for (let pair = 0; pair < Number(values.pairs); pair++) {
  const first = await run(pair % 2 === 0);
  const second = await run(pair % 2 !== 0);
  pairs.push(pair % 2 === 0 ? { with: first, without: second } : { with: second, without: first });
}
const rows = (['wall', 'processor'] as const).map((kind) => {
  const ratios = pairs.map((pair) => pair.with[kind] / pair.without[kind] - 1);
  const [low, high] = clusteredBootstrap(ratios, { statistic: median });
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const seconds = (which: 'with' | 'without') => median(pairs.map((pair) => pair[which][kind])).toFixed(2);
  return [kind, seconds('without'), seconds('with'), `${percent(median(ratios))} [${percent(low)}, ${percent(high)}]`];
});
const summary = [
  `${base.limit} problems × ${base.samples} chains, ${base.concurrency} in flight, ${base.threads} thread, ${pairs.length} pairs`,
  '',
  markdownTable([['time', 'without s', 'with s', 'more, median of pairs [95 %]'], ...rows]),
].join('\n');
process.stdout.write(`${summary}\n`);
writeResults(values.out, { 'profile-overhead.md': summary, 'profile-overhead.json': JSON.stringify({ base, pairs }) });
