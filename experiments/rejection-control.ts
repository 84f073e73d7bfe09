/**
 * How well does each rule hold its rate, and does it still reject the bad chunks? Every calibrator on the published traces
 * and on synthetic ones, in their own order of problems and in 100 shuffled ones.
 *
 *   node dist/experiments/rejection-control.js [--data ../shared/data/reference] [--shuffles 100] [--alpha 0.4]
 *     [--p-value conformal] [--out runs/rejection-control]
 *   node dist/experiments/rejection-control.js --run [--limit 40] [--samples 8] [--seed 0] [--only online]
 *
 * `--run` runs every calibrator on the embedded pair instead. Selection power: 1 where the rejected chunks are the
 * worst of their turn, 0 where they are any. Goal: rolling-200 within ±0.08 and turns of 100 decisions within ±0.03 (±0.02).
 */
import { parseArgs } from 'node:util';
import { type PValueKind, runConfigSchema } from '../src/index.js';
import { controlFigure } from './control-figure.js';
import { runEveryCalibrator } from './control-runs.js';
import { type Judgement, judge, rules, shuffled } from './judge.js';
import { readReferenceStreams, type Stream } from './reference-streams.js';
import { syntheticStreams } from './synthetic-streams.js';
import { markdownTable, writeResults } from './table.js';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '../shared/data/reference' },
    shuffles: { type: 'string', default: '100' },
    alpha: { type: 'string', default: '0.4' },
    'p-value': { type: 'string', default: 'conformal' },
    run: { type: 'boolean', default: false },
    limit: { type: 'string', default: '40' },
    samples: { type: 'string', default: '8' },
    seed: { type: 'string', default: '0' },
    only: { type: 'string' },
    out: { type: 'string', default: 'runs/rejection-control' },
  },
});
const alpha = Number(values.alpha);
if (values.run) {
  const config = runConfigSchema.parse({
    ...{ policy: 'replace', draftTokens: 32, targetTokens: 32, turns: 15, rejectionRate: alpha },
    ...{ limit: Number(values.limit), samples: Number(values.samples), seed: Number(values.seed) },
  });
  const { table, document } = await runEveryCalibrator(config, values.only);
  process.stdout.write(`${table}\n`);
  writeResults(values.out, { 'runs.md': table, 'runs.json': JSON.stringify(document, null, 2) });
} else {
  await replayStreams([...(await readReferenceStreams(values.data)), ...syntheticStreams()]);
}

async function replayStreams(streams: readonly Stream[]): Promise<void> {
  const pValue = values['p-value'] as PValueKind;
  const results = streams.flatMap((stream) =>
    rules.map(({ label, ...rule }) => {
      const settings = { ...rule, alpha, pValue };
      const original = judge(stream, settings);
      const orders = Array.from({ length: Number(values.shuffles) }, (_, seed) =>
        judge(shuffled(stream, seed), settings),
      );
      process.stderr.write(`${stream.name} ${label}\n`);
      return { stream: stream.name, rule: label, original, shuffled: orders };
    }),
  );
  const three = (value: number) => value.toFixed(3);
  const range = ([low, high]: readonly [number, number]) => `${three(low)}–${three(high)}`;
  const originalRows = results.map(({ stream, rule, original }) => [
    ...[stream, rule, original.overall.toFixed(4), range(original.rolling), range(original.perTurn)],
    ...[three(original.ks), three(original.power), three(original.overlap), boundText([original])],
  ]);
  const shuffledRows = results.map(({ stream, rule, shuffled: orders }) => {
    const spread = (value: (one: Judgement) => number) => quantiles(orders.map(value)).map(three).join(' / ');
    const share = (turn: number) =>
      `${((100 * orders.filter((one) => inside(one, turn)).length) / orders.length).toFixed(0)}`;
    return [
      ...[stream, rule, spread(({ rollingOff }) => rollingOff), spread(({ turnOff }) => turnOff)],
      ...[share(0.03), share(0.02), three(quantiles(orders.map(({ power }) => power))[0]), boundText(orders)],
    ];
  });
  const text = [
    `α = ${alpha}, ${pValue} p-values, fixed banks; each rule with its own step size. Problems in the order of the trace:`,
    '',
    markdownTable([
      ['stream', 'rule', 'overall', 'rolling 200', 'turns ≥ 100', 'KS', 'power', 'overlap', 'bound'],
      ...originalRows,
    ]),
    '',
    `Problems in ${values.shuffles} shuffled orders; deviations from α as median / 95 % / worst:`,
    '',
    markdownTable([
      ['stream', 'rule', 'rolling 200 off by', 'turns ≥ 100 off by', 'goal %', 'goal ±0.02 %', 'power', 'bound'],
      ...shuffledRows,
    ]),
  ].join('\n');
  process.stdout.write(`${text}\n`);
  const document = { schema: 'atts.experiment.rejection-control/1', alpha, pValue, results };
  writeResults(values.out, {
    'rejection-control.md': text,
    'rejection-control.json': JSON.stringify(document, null, 2),
    'rejection-control.svg': await controlFigure(results, alpha),
  });
}

function inside({ rollingOff, turnOff }: Judgement, turn: number): boolean {
  return rollingOff <= 0.08 + 1e-9 && turnOff <= turn + 1e-9;
}

function boundText(all: readonly Judgement[]): string {
  if (all.some(({ bound }) => bound === null)) return '–';
  return all.every(({ bound }) => bound!.holds) ? 'holds' : 'BROKEN';
}

/** Median, 95 % and worst. */
function quantiles(values: readonly number[]): [number, number, number] {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return [at(0.5), at(0.95), at(1)];
}
