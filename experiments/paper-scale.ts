/**
 * What the method would take at the paper's scale (arXiv 2509.15148: 1.5B drafts for 32B and 70B targets, 16 to 64 chains,
 * chunks of 500 tokens), simulated from spec sheets: speed-up of async over sync, over the target alone with the same
 * chains in flight, and over the target alone with one chain at a time, which is what "56.7x" has to be compared with.
 *
 *   node dist/experiments/paper-scale.js [--hardware a100] [--problems 4] [--seed 0] [--out runs/paper-scale]
 */
import { parseArgs } from 'node:util';
import { aloneWork, hardwareOf, modelShapes, rooflineTime, simulate, syntheticWork } from '../src/index.js';
import { markdownTable, writeResults } from './table.js';

const { values } = parseArgs({
  options: {
    hardware: { type: 'string', default: 'a100' },
    problems: { type: 'string', default: '4' },
    seed: { type: 'string', default: '0' },
    out: { type: 'string', default: 'runs/paper-scale' },
  },
});
const hardware = hardwareOf(values.hardware);
/** 70B in 16 bits does not fit one card. */
const pairs = [
  { draft: 'qwen2.5-1.5b', target: 'qwq-32b', cards: 1 },
  { draft: 'qwen2.5-1.5b', target: 'llama-3.1-70b', cards: 2 },
  { draft: 'llama-3.1-8b', target: 'llama-3.1-70b', cards: 2 },
] as const;

const results = [];
for (const { draft, target, cards } of pairs) {
  for (const samples of [1, 16, 64]) {
    for (const rejectionRate of [0.1, 0.4]) {
      const chains = syntheticWork({
        ...{ problems: Number(values.problems), samples, draftTokens: 500, targetTokens: 500, promptTokens: 150 },
        ...{ chainTokens: 5000, spread: 0.4, turns: 15, rejectionRate, seed: Number(values.seed) },
      });
      const timers = {
        draft: (rows: Parameters<typeof rooflineTime>[2]) => rooflineTime(hardware, modelShapes[draft], rows).seconds,
        target: (rows: Parameters<typeof rooflineTime>[2]) =>
          rooflineTime(hardware, modelShapes[target], rows, undefined, cards).seconds,
      };
      const common = { policy: 'replace', placement: 'separate', ...timers } as const;
      const concurrency = samples;
      const alone = aloneWork(chains, 'target');
      const seconds = async (work: typeof chains, schedule: 'sync' | 'async', inFlight: number) =>
        (await simulate({ ...common, chains: work, schedule, concurrency: inFlight })).wallSeconds;
      const async = await simulate({ ...common, chains, schedule: 'async', concurrency });
      const sync = await simulate({ ...common, chains, schedule: 'sync', concurrency });
      results.push({
        ...{ draft, target, cards, samples, rejectionRate, async, sync },
        targetSeconds: await seconds(alone, 'async', concurrency),
        targetOneByOneSeconds: await seconds(alone, 'async', 1),
        chains: chains.length,
      });
    }
  }
}

const times = (over: number, own: number) => `${(over / own).toFixed(2)}x`;
const table = markdownTable([
  [
    'pair',
    'chains',
    'α',
    'async s',
    'over sync',
    'over target',
    'over target, one by one',
    'sync waits s a chain',
    'target busy',
  ],
  ...results.map(
    ({ draft, target, samples, rejectionRate, async, sync, targetSeconds, targetOneByOneSeconds, chains }) => [
      ...[`${draft} → ${target}`, String(samples), String(rejectionRate), async.wallSeconds.toFixed(0)],
      ...[sync.wallSeconds, targetSeconds, targetOneByOneSeconds].map((over) => times(over, async.wallSeconds)),
      (sync.barrierSeconds / chains).toFixed(0),
      `${((100 * async.busySeconds.target) / async.wallSeconds).toFixed(0)} %`,
    ],
  ),
]);
const assumptions = [
  `${hardware.name}, 16-bit weights and cache; draft and target on cards of their own (70B: two, without loss).`,
  `${values.problems} problems after one another; as many chains in flight as a problem has; chains of 5,000 tokens in the mean (log-normal, σ = 0.4), chunks of 500, replace, at most 15 turns.`,
].join('\n');
process.stdout.write(`${assumptions}\n\n${table}\n`);
const document = { schema: 'atts.experiment.paper-scale/1', hardware, results };
writeResults(values.out, {
  'paper-scale.md': `${assumptions}\n\n${table}`,
  'paper-scale.json': JSON.stringify(document, null, 2),
});
