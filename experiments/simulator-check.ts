/**
 * Does the simulator predict what runs take? Records runs of the embedded pair, each a process of its own: sync and async,
 * by samples, chunks, policies and placements. Before each of them a run with other problems and `--profile` measures the
 * times of passes and of the work between them. From these and from the tokens of the recorded run, the simulator predicts
 * its wall time and its waiting.
 *
 * All of that is repeated; the table has medians.
 *
 *   node dist/experiments/simulator-check.js [--repeats 3] [--threads N] [--out runs/simulator-check]
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { median, type Run, readRun, recordedWork, runTimes, simulate } from '../src/index.js';
import { markdownTable, writeResults } from './table.js';

const { values } = parseArgs({
  options: {
    threads: { type: 'string' },
    repeats: { type: 'string', default: '3' },
    out: { type: 'string', default: 'runs/simulator-check' },
  },
});
const { out } = values;
const atts = new URL('../src/cli/main.js', import.meta.url).pathname;

function run(name: string, flags: string): Run {
  const command = `${flags} --calibration marginal --bank ${out}/bank.json --out ${out}/${name}`;
  call(`run ${command}`);
  const recorded = readRun(`${out}/${name}`);
  process.stderr.write(`${name}: ${recorded.summary!.time.wallSeconds.toFixed(2)} s\n`);
  return recorded;
}

function call(command: string): void {
  const threads = values.threads === undefined ? [] : ['--threads', values.threads];
  const { status, stderr } = spawnSync(process.execPath, [atts, ...command.split(' '), ...threads], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`atts ${command}: ${stderr}`);
}

const workloads = [
  '--limit 8 --samples 8 --concurrency 64 --policy replace',
  '--limit 4 --samples 16 --concurrency 16 --policy continue --draft-tokens 16 --target-tokens 16',
  '--limit 6 --samples 4 --concurrency 8 --policy replace',
];

rmSync(out, { recursive: true, force: true });
writeResults(out, {});
call(`calibrate --out ${out}/bank.json`);
/** Wall seconds, and seconds a chain at barriers and in queues. */
interface Times {
  readonly wall: number;
  readonly barrier: number;
  readonly queue: number;
}
const results: { name: string; measured: Times; predicted: Times }[] = [];
const others = '--dataset abacus:generated --limit 8 --samples 8 --concurrency 24 --policy replace --seed 1 --profile';
for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
  for (const [i, workload] of workloads.entries()) {
    for (const placement of ['shared', 'separate'] as const) {
      for (const schedule of ['sync', 'async'] as const) {
        const [name, pace] = [
          `${repeat}-${i}-${placement}-${schedule}`,
          `--schedule ${schedule} --placement ${placement}`,
        ];
        // Just before the run that it has to tell the times of: what else the machine does changes. And on the same
        // schedule: models on processors of their own slow each other down where both run.
        const times = run(`${name}-times`, `${others} ${pace}`);
        const recorded = run(name, `${workload} ${pace}`);
        const { policy, concurrency } = recorded.manifest.config;
        const chains = recordedWork(recorded.events);
        const simulated = await simulate({ chains, schedule, policy, concurrency, ...runTimes(times) });
        const { time } = recorded.summary!;
        const each = (total: number) => total / chains.length;
        results.push({
          name: `${placement} ${schedule}, ${workload.replaceAll('--', '')}`,
          measured: { wall: time.wallSeconds, barrier: each(time.syncWaitSeconds), queue: each(time.queueWaitSeconds) },
          predicted: {
            ...{ wall: simulated.wallSeconds, barrier: each(simulated.barrierSeconds) },
            queue: each(simulated.queueSeconds),
          },
        });
      }
    }
  }
}

const rows = [...new Set(results.map(({ name }) => name))].map((name) => {
  const own = results.filter((one) => one.name === name);
  const of = (kind: 'measured' | 'predicted', key: keyof Times) => median(own.map((one) => one[kind][key]));
  const times = (kind: 'measured' | 'predicted') => [of(kind, 'wall'), of(kind, 'barrier'), of(kind, 'queue')] as const;
  return { name, measured: times('measured'), predicted: times('predicted') };
});
const ratios = rows.map(({ measured: [measured], predicted: [predicted] }) => predicted / measured);
const seconds = (value: number) => value.toFixed(value < 1 ? 3 : 2);
const head = ['run', 'wall s', 'predicted', 'ratio', 'barrier s a chain', 'predicted', 'queue s a chain', 'predicted'];
const table = markdownTable([
  head,
  ...rows.map(({ name, measured, predicted }, i) => {
    const pairs = measured.map((value, k) => [seconds(value), seconds(predicted[k])]);
    return [name, ...pairs[0], ratios[i].toFixed(3), ...pairs[1], ...pairs[2]];
  }),
]);
const off = ratios.map((ratio) => Math.abs(ratio - 1));
const within = off.filter((value) => value <= 0.15).length;
const summary = `${table}\n\nwithin 15 %: ${within} of ${rows.length}; off by ${(100 * median(off)).toFixed(1)} % in the median, ${(100 * Math.max(...off)).toFixed(1)} % at most`;
process.stdout.write(`${summary}\n`);
writeResults(out, {
  'simulator-check.md': summary,
  'simulator-check.json': JSON.stringify({ schema: 'atts.experiment.simulator-check/1', results }, null, 2),
});
