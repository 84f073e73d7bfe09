/**
 * What does a budget of B target calls per problem and turn become with and without a barrier? `sync` spends
 * round(α·m) of the m chunks exactly; `async` decides chunk by chunk and spends α·m in the mean.
 *
 *   node dist/experiments/budget.js [--rate 0.4] [--limit 40] [--samples 8] [--seed 0] [--out runs/budget]
 */
import { parseArgs } from 'node:util';
import { runConfigSchema, type ScaleResult, type Summary } from '../src/index.js';
import { runMethod } from './run-method.js';
import { accuracyText, markdownTable, tokensPerChain, writeResults } from './table.js';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '0.4' },
    limit: { type: 'string', default: '40' },
    samples: { type: 'string', default: '8' },
    seed: { type: 'string', default: '0' },
    out: { type: 'string', default: 'runs/budget' },
  },
});
const base = runConfigSchema.parse({
  ...{ calibration: 'budget', policy: 'replace', draftTokens: 32, targetTokens: 32, turns: 15 },
  ...{ rejectionRate: Number(values.rate), limit: Number(values.limit), samples: Number(values.samples) },
  seed: Number(values.seed),
});
const alpha = base.rejectionRate;

/** A problem's turn: chunks scored and rejected. */
interface Spending {
  scored: number;
  rejected: number;
}

const results: { schedule: string; summary: Summary; spending: Spending[] }[] = [];
for (const schedule of ['sync', 'async'] as const) {
  const result = await runMethod({ ...base, schedule }, schedule);
  results.push({ schedule, summary: result.summary, spending: spendingOf(result) });
}

const overview = results.map(({ schedule, summary, spending }) => {
  const off = spending.map(({ scored, rejected }) => rejected - alpha * scored);
  const mean = off.reduce((sum, one) => sum + one, 0) / off.length;
  const deviation = Math.sqrt(off.reduce((sum, one) => sum + (one - mean) ** 2, 0) / off.length);
  const exact = spending.filter(({ scored, rejected }) => rejected === Math.round(alpha * scored)).length;
  return [
    ...[
      schedule,
      String(spending.length),
      summary.rejection!.overall.toFixed(3),
      mean.toFixed(3),
      deviation.toFixed(3),
    ],
    ...[Math.max(...off.map(Math.abs)).toFixed(1), `${((100 * exact) / spending.length).toFixed(0)} %`],
    ...[tokensPerChain(summary).map(Math.round).join('/'), accuracyText(summary), summary.time.wallSeconds.toFixed(1)],
  ];
});
const head = [
  'schedule',
  'problem-turns',
  'rejected',
  'B − αm',
  's.d.',
  'most',
  'B = round(αm)',
  'draft/scored/target',
];
const full = results.map(({ schedule, spending }) => {
  const whole = spending.filter(({ scored }) => scored === base.samples);
  const counts = Array.from(
    { length: base.samples + 1 },
    (_, b) => whole.filter(({ rejected }) => rejected === b).length,
  );
  return [schedule, ...counts.map(String)];
});
const text = [
  `${base.limit} problems × ${base.samples} chains, α = ${alpha}, so B = ${(alpha * base.samples).toFixed(1)} of ${base.samples}:`,
  '',
  markdownTable([[...head, 'accuracy %', 'wall s'], ...overview]),
  '',
  `Rejections of the problem-turns with all ${base.samples} chunks:`,
  '',
  markdownTable([['schedule', ...Array.from({ length: base.samples + 1 }, (_, b) => `B = ${b}`)], ...full]),
].join('\n');
process.stdout.write(`${text}\n`);
const document = { schema: 'atts.experiment.budget/1', config: base, results };
writeResults(values.out, { 'budget.md': text, 'budget.json': JSON.stringify(document, null, 2) });

function spendingOf({ events }: ScaleResult): Spending[] {
  const groups = new Map<string, Spending>();
  for (const { problem, turn, rejected } of events) {
    if (rejected === null) continue;
    const key = JSON.stringify([problem, turn]);
    const group = groups.get(key) ?? { scored: 0, rejected: 0 };
    groups.set(key, group);
    group.scored++;
    if (rejected) group.rejected++;
  }
  return [...groups.values()];
}
