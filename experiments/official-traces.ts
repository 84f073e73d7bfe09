/**
 * Do we reproduce the published facts of the reference implementation's traces? Every row is computed anew from the
 * recorded scores and times and compared with the published digits; the exit code is 1 where one differs.
 *
 *   node dist/experiments/official-traces.js [--data ../shared/data/reference] [--out runs/official-traces]
 *
 * The conventions under which the digits come out: streams in the order (question, turn, sample); conformal p-values
 * against the recorded bank, which does not grow; all turns counted, however few decisions they have; the percentile
 * rule #{bank < ppl}/n ≥ 0.6 only where the traces' own decisions are counted. The statistic behind the published AUCs is
 * not told; a chain's worst score, averaged over the problems that have right and wrong chains, falls into both ranges.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'csv-parse/sync';
import {
  banksOf,
  barrierCost,
  type Calibrator,
  calibratorSettings,
  countPercentileMismatches,
  inQuestionOrder,
  makeCalibrator,
  type Replay,
  type RunConfig,
  readBankFile,
  readChainTimes,
  readScoreStream,
  replay,
  runConfigSchema,
} from '../src/index.js';
import { markdownTable, writeResults } from './table.js';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '../shared/data/reference' },
    out: { type: 'string', default: 'runs/official-traces' },
  },
});
const began = performance.now();
const samples = 16;
const [alpha, gamma] = [0.4, 0.05];

interface Row {
  readonly check: string;
  readonly golden: string;
  readonly ours: string;
  readonly equal: boolean;
}

const rows: Row[] = [];
const exact = (check: string, golden: string, ours: string) =>
  rows.push({ check, golden, ours, equal: ours === golden });

const file = (name: string) => join(values.data, name);
const streamOf = (name: string) => inQuestionOrder(readScoreStream(file(name), { samples }));
const banksAt = async (name: string) => banksOf(await readBankFile(file(name)));

type Banks = Awaited<ReturnType<typeof banksAt>>;

function calibrator(banks: Banks, settings: Partial<RunConfig>): Calibrator {
  const config = runConfigSchema.parse({ rejectionRate: alpha, gamma, growBank: false, ...settings });
  return makeCalibrator({ ...calibratorSettings(config), name: config.calibration, banks });
}

const span = ([low, high]: readonly number[], digits = 3) => `${low.toFixed(digits)}–${high.toFixed(digits)}`;
const rolling = ({ rejection: { rolling200 } }: Replay) => span([rolling200!.min, rolling200!.max]);
const boundText = ({ rejection: { bound } }: Replay) => (bound?.holds ? 'holds' : 'BROKEN');

function perTurn({ rejection }: Replay): string {
  const rates = rejection.perTurn.map(({ rate }) => rate);
  return span([Math.min(...rates), Math.max(...rates)]);
}

const traces = [
  {
    name: 'two_raw',
    bank: 'evaluation__ppls_math500_qwq_32B_rllama_8B_s16_t500_temp0.8.json',
    recorded: ['6,065 exact', '0.41336'],
    fixed: { overall: '0.4122', rolling: '0.125–0.825', perTurn: '0.299–0.595' },
    global: { overall: '0.3985', rolling: '0.310–0.475', perTurn: '0.313–0.465' },
    turn: { overall: '0.3984', rolling: '0.325–0.475', perTurn: '0.380–0.430' },
  },
  {
    name: 'self_opt',
    bank: 'evaluation__ppls_self_opt_math500_deepseek-ai_DeepSeek-R1-Distill-Llama-8B_s16_t500_temp0.8.json',
    recorded: ['5,513 exact', '0.55106'],
    fixed: { overall: '0.5509', rolling: null, perTurn: '0.388–0.821' },
    global: null,
    turn: { overall: '0.3996', rolling: '0.315–0.470', perTurn: '0.396–0.427' },
  },
] as const;

for (const { name, bank, recorded, fixed, global, turn } of traces) {
  const stream = streamOf(`${name}.events.csv`);
  const banks = await banksAt(bank);
  const mismatches = countPercentileMismatches(stream, banks);
  const exactly = `${(stream.length - mismatches).toLocaleString('en')} exact`;
  exact(`${name}, recorded percentiles`, recorded[0], mismatches === 0 ? exactly : `${exactly}, ${mismatches} differ`);
  const asRecorded = replay(stream, calibrator(banks, { calibration: 'marginal', pValue: 'percentile' }), alpha);
  exact(`${name}, of them ≥ 0.6`, recorded[1], asRecorded.rejection.overall.toFixed(5));

  const rules = [
    { rule: 'p ≤ 0.4', goldens: fixed, made: calibrator(banks, { calibration: 'marginal' }) },
    { rule: 'global ACI', goldens: global, made: calibrator(banks, { calibration: 'aci' }) },
    { rule: 'per-turn + global ACI', goldens: turn, made: calibrator(banks, { calibration: 'turn-aci' }) },
  ];
  for (const { rule, goldens, made } of rules) {
    if (goldens === null) continue;
    const result = replay(stream, made, alpha);
    exact(`${name}, ${rule}: overall`, goldens.overall, result.rejection.overall.toFixed(4));
    if (goldens.rolling) exact(`${name}, ${rule}: any 200 in a row`, goldens.rolling, rolling(result));
    exact(`${name}, ${rule}: turns`, goldens.perTurn, perTurn(result));
    if (goldens !== fixed) exact(`${name}, ${rule}: bound at every T`, 'holds', boundText(result));
  }
  // The default rule with its own step size: what is promised of it, not a published figure.
  const own = replay(stream, calibrator(banks, { calibration: 'online', gamma: null }), alpha).rejection;
  const off = (rates: readonly number[]) => Math.max(...rates.map((rate) => Math.abs(rate - alpha)));
  const long = own.perTurn.filter(({ decisions }) => decisions >= 100).map(({ rate }) => rate);
  between(`${name}, online: any 200 in a row off by`, [0, 0.08], off([own.rolling200!.min, own.rolling200!.max]), 3);
  between(`${name}, online: turns with 100 decisions off by`, [0, 0.03], off(long), 3);
}

for (const [year, golden] of [
  ['aime24', '0.367'],
  ['aime25', '0.433'],
]) {
  const pair = `history__ppls_${year}_s1.1_32B_s1.1_7B_s16_t500_temp0.8`;
  const rule = calibrator(await banksAt(`${pair}.json`), { calibration: 'marginal', pValue: 'percentile' });
  const { rejection } = replay(streamOf(`${pair}_per_question.json`), rule, alpha);
  exact(`${year}, independent pair: rejected`, golden, rejection.overall.toFixed(3));
}

const { schedules } = barrierCost(readChainTimes(file('two_raw.samples.csv'), { samples }).chains, [16]);
const [{ perProblem, workConserving }] = schedules;
const seconds = (value: number) => `${value.toLocaleString('en', { maximumFractionDigits: 0 })} s`;
exact('two_raw, 16 slots: a barrier after each problem', '5,724 s', seconds(perProblem));
exact('two_raw, 16 slots: no barrier', '3,813 s', seconds(workConserving));
exact('two_raw, 16 slots: cost of the barrier', '1.50x', `${(perProblem / workConserving).toFixed(2)}x`);

for (const { name } of traces) {
  const { within, pooled } = wrongChainAuc(name);
  between(`${name}, AUC of a wrong chain's worst score: within problems`, [0.47, 0.52], within);
  between(`${name}, AUC of a wrong chain's worst score: pooled`, [0.61, 0.63], pooled);
}

function between(check: string, [low, high]: readonly [number, number], value: number, digits = 2): void {
  const ours = value.toFixed(digits);
  rows.push({ check, golden: span([low, high], digits), ours, equal: Number(ours) >= low && Number(ours) <= high });
}

/** Chance that a wrong chain's worst chunk scores worse than a right one's: over all pairs, and as a mean of problems. */
function wrongChainAuc(name: string): { within: number; pooled: number } {
  const table = parse(readFileSync(file(`${name}.samples.csv`)), { columns: true }) as Record<string, string>[];
  const isWrong = new Map(table.map(({ sample, correct_norm }) => [Number(sample), correct_norm !== '1']));
  const worst = new Map<number, { problem: string; score: number }>();
  for (const { problem, sample, score } of streamOf(`${name}.events.csv`)) {
    worst.set(sample, { problem, score: Math.max(score, worst.get(sample)?.score ?? 0) });
  }
  const chains = [...worst].map(([sample, chain]) => ({ ...chain, wrong: isWrong.get(sample)! }));
  const areas = [...new Set(chains.map(({ problem }) => problem))]
    .map((id) => areaUnderCurve(chains.filter(({ problem }) => problem === id)))
    .filter((area) => area !== null);
  return { within: areas.reduce((sum, area) => sum + area, 0) / areas.length, pooled: areaUnderCurve(chains)! };
}

/** Mann–Whitney, ties counted half; null where all chains are wrong or all are right. */
function areaUnderCurve(chains: readonly { score: number; wrong: boolean }[]): number | null {
  const of = (kind: boolean) => chains.filter(({ wrong }) => wrong === kind).map(({ score }) => score);
  const [wrong, right] = [of(true), of(false)];
  if (wrong.length === 0 || right.length === 0) return null;
  let pairs = 0;
  for (const a of wrong) for (const b of right) pairs += a > b ? 1 : a === b ? 0.5 : 0;
  return pairs / (wrong.length * right.length);
}

const fork = readScoreStream(file('fork_v2sys_b0.05.events.csv'), { samples }).toSorted((a, b) => a.score - b.score);
const ranks = fork.map(({ percentile }) => Math.round(1600 * percentile!));
const isOneBank = fork.every(({ percentile }, i) => percentile === ranks[i] / 1600 && ranks[i] >= (ranks[i - 1] ?? 0));
const distinct = await Promise.all(
  traces.map(async ({ bank }) => new Set((await readBankFile(file(bank))).turns[0]).size),
);
const notes = [
  `fork_v2sys_b0.05: ${fork.length.toLocaleString('en')} scores, ${((100 * ranks.filter((rank) => rank >= 960).length) / fork.length).toFixed(1)} % of them ≥ 0.6; their percentiles ${isOneBank ? 'are' : 'are NOT'} ranks in one bank of 1,600, which is not among these files`,
  `banks: ${distinct.join(' and ')} distinct scores of 1,600; the silently greedy ones (732–795) are not among these files`,
];

const differing = rows.filter(({ equal }) => !equal).length;
const head = ['check', 'golden', 'ours', 'equal'];
const text = [
  markdownTable([head, ...rows.map(({ check, golden, ours, equal }) => [check, golden, ours, equal ? 'yes' : 'NO'])]),
  '',
  ...notes,
  '',
  `${rows.length - differing} of ${rows.length} rows equal, in ${((performance.now() - began) / 1000).toFixed(1)} s`,
].join('\n');
process.stdout.write(`${text}\n`);
const document = { schema: 'atts.experiment.official-traces/1', rows };
writeResults(values.out, { 'official-traces.md': text, 'official-traces.json': JSON.stringify(document, null, 2) });
process.exitCode = differing > 0 ? 1 : 0;
