/**
 * Asynchronous arithmetic intensity (docs/profiling.md): r = T_c / (T_m + T_s) and the waiting of chains, against samples
 * and against turns, sync and async. A static rule decides alike in both, so that they write the same chains. From the
 * runs' own events and the measured roofs, over repeats that take other problems and seeds, their order alternating.
 *
 *   node dist/experiments/arithmetic-intensity.js [--samples 1,2,4,8,16,32,64] [--turns 1,2,4,8,16] [--at-samples 16]
 *     [--at-turns 8] [--problems 2] [--repeats 7] [--chunk 8] [--placement separate|shared] [--draft M] [--target M]
 *     [--dataset D] [--out runs/arithmetic-intensity]
 */
import { parseArgs } from 'node:util';
import {
  type BankFile,
  buildBanks,
  clusteredBootstrap,
  drawSvg,
  type IntensityPoint,
  intensityByTurn,
  intensityFigure,
  loadRunDataset,
  type MachineRoofs,
  openEngines,
  type RunConfig,
  runConfigSchema,
  type ScaleResult,
  scale,
} from '../src/index.js';
import { markdownTable, writeResults } from './table.js';

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '1,2,4,8,16,32,64' },
    turns: { type: 'string', default: '1,2,4,8,16' },
    'at-samples': { type: 'string', default: '16' },
    'at-turns': { type: 'string', default: '8' },
    problems: { type: 'string', default: '2' },
    repeats: { type: 'string', default: '7' },
    chunk: { type: 'string', default: '8' },
    placement: { type: 'string', default: 'separate' },
    draft: { type: 'string' },
    target: { type: 'string' },
    dataset: { type: 'string' },
    out: { type: 'string', default: 'runs/arithmetic-intensity' },
  },
});
const [problems, repeats, chunk] = [values.problems, values.repeats, values.chunk].map(Number);
const { draft, target, dataset, placement } = values;
const base = runConfigSchema.parse({
  ...{ draft, target, dataset, placement, draftTokens: chunk, targetTokens: chunk, calibration: 'marginal' },
  ...{ policy: 'continue', profile: true, calibrationProblems: 24 },
});
const all = await loadRunDataset(base, 'test');
if (all.problems.length < problems * repeats) {
  throw new Error(`${all.name} has ${all.problems.length} problems; --problems × --repeats must not be more`);
}

const schedules = ['sync', 'async'] as const;
const settings = [
  ...values.samples.split(',').map((value) => ({ axis: 'samples' as const, value: Number(value) })),
  ...values.turns.split(',').map((value) => ({ axis: 'turns' as const, value: Number(value) })),
];
interface Measurement {
  readonly axis: 'samples' | 'turns';
  readonly value: number;
  readonly schedule: 'sync' | 'async';
  readonly repeat: number;
  /** Of all chains together. */
  readonly computeSeconds: number;
  readonly memorySeconds: number;
  readonly r: number;
  /** A chain. */
  readonly barrier: number;
  readonly queue: number;
  readonly alive: number;
  readonly byTurn: ReturnType<typeof intensityByTurn>;
}
const measured: Measurement[] = [];
let [bank, roofs]: [BankFile | undefined, MachineRoofs | undefined] = [undefined, undefined];
// The first round compiles the kernels and is not counted.
for (let repeat = -1; repeat < repeats; repeat++) {
  for (const { axis, value } of repeat < 0 ? settings.slice(-1) : settings) {
    const config = {
      ...{ ...base, seed: Math.max(0, repeat), samples: axis === 'samples' ? value : Number(values['at-samples']) },
      turns: axis === 'turns' ? value : Number(values['at-turns']),
    };
    for (const schedule of repeat % 2 === 0 ? schedules : schedules.toReversed()) {
      // As many chains in flight as a problem has: what a server is given for one question.
      const result = await run({ ...config, schedule, concurrency: config.samples }, Math.max(0, repeat));
      if (repeat >= 0) measured.push({ axis, value, schedule, repeat, ...result });
    }
  }
  process.stderr.write(repeat < 0 ? 'warm\n' : `repeat ${repeat + 1} of ${repeats}\n`);
}

async function run(
  config: RunConfig,
  repeat: number,
): Promise<Omit<Measurement, 'axis' | 'value' | 'schedule' | 'repeat'>> {
  const { close, ...engines } = await openEngines(config, { roofs });
  try {
    const profile = engines.profile!;
    roofs = profile.roofs;
    bank ??= await buildBanks({
      ...{ config, draft: engines.draft!, target: engines.target! },
      dataset: await loadRunDataset(config, 'calibration'),
    });
    const own = { ...all, problems: all.problems.slice(repeat * problems, (repeat + 1) * problems) };
    const result = await scale({ config, ...engines, dataset: own, bank });
    return measure(result, intensityByTurn(result.events, profile.ledgers(), profile.roofs));
  } finally {
    await close();
  }
}

function measure({ summary, chains }: ScaleResult, byTurn: Measurement['byTurn']) {
  const { computeSeconds, memorySeconds, syncWaitSeconds, queueWaitSeconds } = summary.time;
  const each = (total: number) => total / chains.length;
  return {
    ...{ computeSeconds: computeSeconds!, memorySeconds: memorySeconds!, r: summary.intensity.asynchronous! },
    ...{ barrier: each(syncWaitSeconds), queue: each(queueWaitSeconds), byTurn },
    alive: each(chains.reduce((sum, { started, finished }) => sum + finished - started, 0) / 1000),
  };
}

const estimate = (list: readonly number[]) => {
  const [low, high] = clusteredBootstrap(list);
  return { mean: mean(list), low, high };
};
function mean(list: readonly number[]): number {
  return list.reduce((sum, value) => sum + value, 0) / list.length;
}
const at = (axis: string, value: number, schedule: string) =>
  measured.filter((one) => one.axis === axis && one.value === value && one.schedule === schedule);

const points = settings.flatMap(({ axis, value }) =>
  schedules.map((schedule) => {
    const own = at(axis, value, schedule);
    const of = (quantity: (one: Measurement) => number) => estimate(own.map(quantity));
    return {
      ...{ axis, value, schedule, r: of(({ r }) => r), barrier: of(({ barrier }) => barrier) },
      ...{ queue: of(({ queue }) => queue), share: of(({ barrier, alive }) => barrier / alive) },
      ...{ computeSeconds: of((one) => one.computeSeconds), memorySeconds: of((one) => one.memorySeconds) },
    };
  }),
) satisfies IntensityPoint[];

/** Seconds a chain that waiting grows by with every doubling: the least-squares slope of each repeat. */
function growth(axis: string, schedule: string, quantity: 'barrier' | 'queue') {
  return estimate(
    Array.from({ length: repeats }, (_, repeat) => {
      const own = measured.filter((one) => one.axis === axis && one.schedule === schedule && one.repeat === repeat);
      const x = own.map(({ value }) => Math.log2(value));
      const covariance = mean(x.map((value, i) => (value - mean(x)) * own[i][quantity]));
      return covariance / mean(x.map((value) => (value - mean(x)) ** 2));
    }),
  );
}
const text = ({ mean, low, high }: IntensityPoint['r'], digits = 3) =>
  `${mean.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
const head = ['', 'schedule', 'r', 'T_c s', 'T_m s', 'barriers s a chain', '% of its life', 'queue s a chain'];
const table = markdownTable([
  head,
  ...points.map(({ axis, value, schedule, r, computeSeconds, memorySeconds, barrier, queue, share }) => [
    ...[`${axis} ${value}`, schedule, text(r), computeSeconds.mean.toFixed(3), memorySeconds.mean.toFixed(3)],
    ...[text(barrier), (100 * share.mean).toFixed(1), text(queue)],
  ]),
]);
/** Seconds a chain: what the clock and a busy thread add to no waiting at all. */
const leastGrowth = 1e-4;
const trends = (['samples', 'turns'] as const).flatMap((axis) =>
  schedules.map((schedule) => {
    const { barrier, queue } = { barrier: growth(axis, schedule, 'barrier'), queue: growth(axis, schedule, 'queue') };
    return { axis, schedule, barrier, queue, grows: barrier.low > leastGrowth };
  }),
);
const verdicts = trends.map(
  ({ axis, schedule, barrier, queue, grows }) =>
    `${schedule}, a doubling of ${axis}: waiting at barriers ${grows ? 'grows' : 'does not grow'}, by ${text({ ...ms(barrier) }, 1)} ms a chain; in queues by ${text(ms(queue), 1)} ms`,
);
function ms({ mean, low, high }: IntensityPoint['r']) {
  return { mean: 1000 * mean, low: 1000 * low, high: 1000 * high };
}
const summary = [
  `${base.draft} → ${base.target}, ${all.name}, ${problems} problems × ${repeats} repeats, chunks of ${chunk}, continue, marginal 0.4, placement ${placement}, as many chains in flight as samples`,
  `against samples: at most ${values['at-turns']} turns; against turns: ${values['at-samples']} samples; roofs ${(roofs!.peak / 1e9).toFixed(0)} GFLOP/s, ${(roofs!.bandwidth / 1e9).toFixed(1)} GB/s; means with 95 % intervals over the repeats`,
  '',
  table,
  '',
  ...verdicts,
].join('\n');
process.stdout.write(`${summary}\n`);
const spec = intensityFigure(points);
writeResults(values.out, {
  'arithmetic-intensity.md': summary,
  'arithmetic-intensity.json': JSON.stringify(
    { schema: 'atts.experiment.arithmetic-intensity/1', config: base, roofs, points, trends, measured },
    null,
    2,
  ),
  'arithmetic-intensity.vl.json': JSON.stringify(spec, null, 1),
  'arithmetic-intensity.svg': await drawSvg(spec),
});
