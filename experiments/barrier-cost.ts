/**
 * What do barriers cost? `sync` and `async` with a static calibrator make the same decisions on the same tokens, so
 * every difference in wall time is waiting. Pairs are interleaved in one process, and the order within a pair alternates.
 *
 *   node dist/experiments/barrier-cost.js [--pairs 5] [--concurrency 64] [--limit 24] [--samples 8]
 *     [--calibration marginal|per-turn] [--placement shared|separate] [--out runs/barrier-cost]
 */
import { parseArgs } from 'node:util';
import {
  buildBanks,
  loadRunDataset,
  median,
  openEngines,
  runConfigSchema,
  type ScaleResult,
  writeBankFile,
} from '../src/index.js';
import { runMethod } from './run-method.js';
import { markdownTable, writeResults } from './table.js';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5' },
    concurrency: { type: 'string', default: '64' },
    limit: { type: 'string', default: '24' },
    samples: { type: 'string', default: '8' },
    policy: { type: 'string', default: 'replace' },
    calibration: { type: 'string', default: 'marginal' },
    placement: { type: 'string', default: 'shared' },
    seed: { type: 'string', default: '0' },
    out: { type: 'string', default: 'runs/barrier-cost' },
  },
});
const pairs = Number(values.pairs);
if (!(Number.isInteger(pairs) && pairs > 0))
  throw new Error(`--pairs must be a whole number above 0 (got ${values.pairs})`);

const base = runConfigSchema.parse({
  ...{ calibration: values.calibration, policy: values.policy, placement: values.placement, seed: Number(values.seed) },
  ...{ concurrency: Number(values.concurrency), limit: Number(values.limit), samples: Number(values.samples) },
});
writeResults(values.out, {});
const bank = `${values.out}/bank.json`;
await writeBankFile(bank, await drawBank());

interface Measurement {
  readonly schedule: 'sync' | 'async';
  readonly wallSeconds: number;
  readonly barrierSeconds: number;
  readonly queueSeconds: number;
}

const measured: Measurement[][] = [];
let text: string | null = null;
// The first pair compiles the kernels and is not counted.
for (let pair = -1; pair < pairs; pair++) {
  const order = pair % 2 === 0 ? (['sync', 'async'] as const) : (['async', 'sync'] as const);
  const row: Measurement[] = [];
  for (const schedule of order) {
    const result = await runMethod({ ...base, bank, schedule }, `pair ${pair + 1} ${schedule}`);
    text ??= textOf(result);
    if (textOf(result) !== text) throw new Error(`pair ${pair + 1}: ${schedule} wrote other chains than the first run`);
    const { time } = result.summary;
    row.push({
      ...{ schedule, wallSeconds: time.wallSeconds },
      ...{ barrierSeconds: time.syncWaitSeconds, queueSeconds: time.queueWaitSeconds },
    });
  }
  if (pair >= 0) measured.push(row);
  process.stderr.write(
    `pair ${pair + 1}: ${row.map((m) => `${m.schedule} ${m.wallSeconds.toFixed(2)} s`).join(', ')}\n`,
  );
}

const of = (schedule: string) => measured.map((row) => row.find((m) => m.schedule === schedule)!);
const ratios = of('sync').map((sync, i) => sync.wallSeconds / of('async')[i].wallSeconds);
const chains = base.samples * (base.limit ?? 1);
const rows = (['sync', 'async'] as const).map((schedule) => {
  const runs = of(schedule);
  const walls = runs.map(({ wallSeconds }) => wallSeconds);
  return [
    schedule,
    median(walls).toFixed(2),
    `[${Math.min(...walls).toFixed(2)}, ${Math.max(...walls).toFixed(2)}]`,
    (median(runs.map(({ barrierSeconds }) => barrierSeconds)) / chains).toFixed(3),
    (median(runs.map(({ queueSeconds }) => queueSeconds)) / chains).toFixed(3),
  ];
});
const head = ['schedule', 'wall s, median', '[min, max]', 'barrier s a chain', 'queue s a chain'];
const ratio = { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
const summary = [
  `${base.limit} problems × ${base.samples} chains, ${base.policy}, ${base.calibration}, placement ${base.placement}, concurrency ${base.concurrency}, ${pairs} pairs; chains byte for byte equal`,
  '',
  markdownTable([head, ...rows]),
  '',
  `sync / async: ${ratio.median.toFixed(3)}x, median [${ratio.min.toFixed(3)}, ${ratio.max.toFixed(3)}]`,
].join('\n');
process.stdout.write(`${summary}\n`);
const document = { schema: 'atts.experiment.barrier-cost/1', config: base, ratio, ratios, pairs: measured };
writeResults(values.out, { 'barrier-cost.md': summary, 'barrier-cost.json': JSON.stringify(document, null, 2) });

/** Everything that the chains say, without the times. */
function textOf({ chains }: ScaleResult): string {
  const key = ({ problem, sample }: { problem: string; sample: number }) => `${problem}\u0000${sample}`;
  const sorted = chains.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  return JSON.stringify(
    sorted.map(({ problem, sample, chunks, answer, status }) => [problem, sample, chunks, answer, status]),
  );
}

async function drawBank() {
  const dataset = await loadRunDataset(base, 'calibration');
  const { draft, target, close } = await openEngines(base);
  try {
    return await buildBanks({ config: base, draft: draft!, target: target!, dataset });
  } finally {
    await close();
  }
}
