/**
 * What does `--profile` cost? The same short run with and without it, in turn, in one process; within a pair the seed and
 * with it the chains are the same. Told are wall time and processor time, which other programs disturb less, from the
 * first chain's begin to the last one's end.
 *
 *   node dist/experiments/profile-overhead.js [--pairs 60] [--concurrency 64] [--threads 1] [--out runs/profile-overhead]
 */
import { parseArgs } from 'node:util';
import { clusteredBootstrap, loadRunDataset, median, openEngines, runConfigSchema, scale } from '../src/index.js';
import { markdownTable, writeResults } from './table.js';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '60' },
    concurrency: { type: 'string', default: '64' },
    threads: { type: 'string', default: '1' },
    out: { type: 'string', default: 'runs/profile-overhead' },
  },
});
const base = runConfigSchema.parse({
  ...{ limit: 1, samples: 8, policy: 'replace', schedule: 'sync', calibration: 'budget' },
  ...{ concurrency: Number(values.concurrency), threads: Number(values.threads) },
});
const dataset = await loadRunDataset(base, 'test');
const warmUps = 3;

interface Cost {
  readonly wall: number;
  readonly processor: number;
}

type Way = 'with' | 'without';

/** On engines of its own: two pairs side by side would lie in the caches in two ways, which is more than what is measured. */
async function run(way: Way, seed: number): Promise<Cost> {
  const config = { ...base, seed, profile: way === 'with' };
  const { close, ...engines } = await openEngines(config);
  let begun: NodeJS.CpuUsage | undefined;
  let spent = process.cpuUsage();
  const { summary } = await scale({
    ...{ config, ...engines, dataset },
    onProgress({ done, total }) {
      // The first call comes before the first chain begins.
      begun ??= process.cpuUsage();
      if (done === total) spent = process.cpuUsage(begun);
    },
  });
  await close();
  return { wall: summary.time.wallSeconds, processor: (spent.user + spent.system) / 1e6 };
}

const pairs: Record<Way, Cost>[] = [];
for (let pair = -warmUps; pair < Number(values.pairs); pair++) {
  const order: readonly Way[] = pair % 2 === 0 ? ['with', 'without'] : ['without', 'with'];
  const seed = pair + warmUps;
  const [first, second] = [await run(order[0], seed), await run(order[1], seed)];
  if (pair >= 0) pairs.push({ [order[0]]: first, [order[1]]: second } as Record<Way, Cost>);
}
const rows = (['wall', 'processor'] as const).map((kind) => {
  const ratios = pairs.map((pair) => pair.with[kind] / pair.without[kind] - 1);
  const [low, high] = clusteredBootstrap(ratios, { statistic: median });
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const seconds = (which: Way) => median(pairs.map((pair) => pair[which][kind])).toFixed(3);
  return [kind, seconds('without'), seconds('with'), `${percent(median(ratios))} [${percent(low)}, ${percent(high)}]`];
});
const summary = [
  `${base.limit} problems × ${base.samples} chains, ${base.concurrency} in flight, ${base.threads} thread, ${pairs.length} pairs`,
  '',
  markdownTable([['time', 'without s', 'with s', 'more, median of pairs [95 %]'], ...rows]),
].join('\n');
process.stdout.write(`${summary}\n`);
writeResults(values.out, { 'profile-overhead.md': summary, 'profile-overhead.json': JSON.stringify({ base, pairs }) });
