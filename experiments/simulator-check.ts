/**
 * Does the simulator predict what runs take? Records runs of the embedded pair, each a process of its own: sync and async,
 * by samples, chunks, policies and placements. Before each of them a run with other problems and `--profile` measures the
 * times of passes and of the work between them. From these and from the tokens of the recorded run, the simulator predicts
 * its wall time and its waiting.
 *
 * All of that is repeated. Measured times are medians of the repeats, predicted ones medians over the times of all runs
 * with `--profile` of the placement and the schedule: on a machine that does other things as well, two runs alike differ.
 *
 * Runs that are there already are taken as they are.
 *
 *   node dist/experiments/simulator-check.js [--repeats 3] [--threads N] [--out runs/simulator-check]
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { median, type Run, readRun, recordedWork, runTimes, simulate } from '../src/index.js';
import { atts } from './atts.js';
import { markdownTable, writeResults } from './table.js';

const { values } = parseArgs({
  options: {
    threads: { type: 'string' },
    repeats: { type: 'string', default: '3' },
    out: { type: 'string', default: 'runs/simulator-check' },
  },
});
const { out } = values;

function record(name: string, flags: string): Run {
  const command = `${flags} --calibration marginal --bank ${out}/bank.json --out ${out}/${name}`;
  if (!existsSync(`${out}/${name}/summary.json`)) call(`run ${command}`);
  const made = readRun(`${out}/${name}`);
  process.stderr.write(`${name}: ${made.summary!.time.wallSeconds.toFixed(2)} s\n`);
  return made;
}

function call(command: string): void {
  const threads = values.threads === undefined ? [] : ['--threads', values.threads];
  atts([...command.split(' '), ...threads], ['ignore', 'ignore', 'pipe']);
}

// So long that compiling is not most of it, and with more chains than a pass of either model takes at once.
const workloads = [
  '--limit 16 --samples 16 --concurrency 64 --policy replace',
  '--limit 12 --samples 16 --concurrency 96 --policy continue --draft-tokens 16 --target-tokens 16',
  '--limit 24 --samples 8 --concurrency 32 --policy replace',
];

writeResults(out, {});
if (!existsSync(`${out}/bank.json`)) call(`calibrate --out ${out}/bank.json`);
const others =
  '--dataset abacus:generated --limit 16 --samples 12 --concurrency 48 --policy replace --seed 1 --profile';
interface Recorded {
  readonly placement: 'shared' | 'separate';
  readonly schedule: 'sync' | 'async';
  readonly workload: string;
  readonly run: Run;
  /** Made just before it on the same schedule: models on processors of their own slow each other down where both run. */
  readonly times: Run;
}
const recorded: Recorded[] = [];
for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
  for (const [i, workload] of workloads.entries()) {
    for (const placement of ['shared', 'separate'] as const) {
      for (const schedule of ['sync', 'async'] as const) {
        const name = `${repeat}-${i}-${placement}-${schedule}`;
        const pace = `--schedule ${schedule} --placement ${placement}`;
        const times = record(`${name}-times`, `${others} ${pace}`);
        recorded.push({ placement, schedule, workload, run: record(name, `${workload} ${pace}`), times });
      }
    }
  }
}

/** Wall seconds, and seconds a chain at barriers and in queues. */
type Times = readonly [wall: number, barrier: number, queue: number];

const medians = (all: readonly Times[]) => [0, 1, 2].map((i) => median(all.map((times) => times[i])));

function measured({ run: { summary, chains } }: Recorded): Times {
  const { wallSeconds, syncWaitSeconds, queueWaitSeconds } = summary!.time;
  return [wallSeconds, syncWaitSeconds / chains.length, queueWaitSeconds / chains.length];
}

async function predicted({ run: { events, manifest }, schedule }: Recorded, times: Run): Promise<Times> {
  const { policy, concurrency } = manifest.config;
  const chains = recordedWork(events);
  const found = await simulate({ chains, schedule, policy, concurrency, ...runTimes(times) });
  return [found.wallSeconds, found.barrierSeconds / chains.length, found.queueSeconds / chains.length];
}

const rows: { name: string; measured: readonly number[]; predicted: readonly number[] }[] = [];
for (const first of recorded.slice(0, 4 * workloads.length)) {
  const { placement, schedule, workload } = first;
  const alike = recorded.filter((one) => one.placement === placement && one.schedule === schedule);
  const own = alike.filter((one) => one.workload === workload);
  // Every repeat has the same chains.
  const all = await Promise.all(alike.map(({ times }) => predicted(first, times)));
  const name = `${placement} ${schedule}, ${workload.replaceAll('--', '')}`;
  rows.push({ name, measured: medians(own.map(measured)), predicted: medians(all) });
}
const seconds = (value: number) => value.toFixed(value < 1 ? 3 : 2);
/** Wall seconds, and seconds that a chain waits at barriers and in queues together. */
const figures = ([wall, barrier, queue]: readonly number[]) => [wall, barrier + queue];
const ratios = rows.map((row) => figures(row.measured).map((value, i) => figures(row.predicted)[i] / value));
const pair = ['predicted', 'ratio'];
const head = [
  'run',
  'wall s',
  ...pair,
  'waiting s a chain',
  ...pair,
  'at barriers',
  'predicted',
  'in queues',
  'predicted',
];
const table = markdownTable([
  head,
  ...rows.map(({ name, measured, predicted }, i) => [
    name,
    ...[0, 1].flatMap((k) => [...[figures(measured)[k], figures(predicted)[k]].map(seconds), ratios[i][k].toFixed(3)]),
    ...[1, 2].flatMap((k) => [measured[k], predicted[k]].map(seconds)),
  ]),
]);
const verdict = (what: string, k: number) => {
  const off = ratios.map((ratio) => Math.abs(ratio[k] - 1));
  const within = off.filter((value) => value <= 0.15).length;
  const share = (value: number) => `${(100 * value).toFixed(1)} %`;
  return `${what}: within 15 % in ${within} of ${rows.length}; off by ${share(median(off))} in the median, ${share(Math.max(...off))} at most`;
};
const summary = [table, '', verdict('wall time', 0), verdict('waiting', 1)].join('\n');
process.stdout.write(`${summary}\n`);
writeResults(out, {
  'simulator-check.md': summary,
  'simulator-check.json': JSON.stringify({ schema: 'atts.experiment.simulator-check/1', rows }, null, 2),
});
