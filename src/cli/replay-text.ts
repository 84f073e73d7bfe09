import {
  type BankFile,
  type BarrierCost,
  quantile,
  type RecordedTimes,
  type Replay,
  type RunConfig,
} from '../index.js';
import { percent, table } from './format.js';

const count = (n: number) => n.toLocaleString('en');
const plural = (n: number, noun: string) => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;

export interface ReplayTold {
  /** Name of the file or folder that was replayed. */
  readonly source: string;
  readonly config: RunConfig;
  readonly bank: BankFile | null;
  readonly decisions: Replay['decisions'];
  readonly percentileMismatches: number | null;
  readonly rejection: Replay['rejection'];
  readonly diagnostics: Replay['diagnostics'];
  /** Files written. */
  readonly written: readonly string[];
}

/** What `atts replay --events` says on a terminal. */
export function describeReplay(told: ReplayTold): string {
  const { config, decisions, rejection, diagnostics, written } = told;
  const { rolling200, ks, bound } = rejection;
  const { interval, split, perProblem, martingale, duplicates } = diagnostics;
  const growth = config.calibration === 'online' && config.growBank ? ', growing bank' : '';
  const rows = rejection.perTurn.map(({ turn, decisions: made, rate }) => [String(turn), count(made), percent(rate)]);
  return [
    `stream      ${told.source}: ${plural(decisions.length, 'score')} of ${plural(new Set(decisions.map(({ problem }) => problem)).size, 'problem')}`,
    `bank        ${bankText(told)}`,
    `rule        ${config.calibration}, ${config.pValue} p-values, α ${config.rejectionRate}${growth}`,
    `percentiles ${percentileText(told)}`,
    `rejected    ${percent(rejection.overall, 2)} [${percent(interval.lower)}, ${percent(interval.upper)}], wanted ${percent(rejection.wanted)}`,
    ...(split
      ? [
          `split law   ${percent(split.lower)} to ${percent(split.upper)} in ${percent(split.level, 0)} of draws, were all scores exchangeable`,
        ]
      : []),
    `rolling     ${rolling200 ? `${percent(rolling200.min)} to ${percent(rolling200.max)} of any 200 in a row` : 'fewer than 200 decisions'}`,
    `problems    ${spreadText(perProblem.map(({ rate }) => rate))}`,
    `uniformity  Kolmogorov–Smirnov d ${ks.d.toFixed(4)}, p ${ks.p.toPrecision(3)}`,
    `martingale  10^${martingale.max.toFixed(2)} at most against exchangeable scores, ${martingale.alarmAt === null ? 'no alarm' : `alarm at decision ${count(martingale.alarmAt)} (level ${martingale.delta})`}`,
    `repeats     ${duplicates === null ? 'no scores' : `${percent(duplicates.share)} of the scores${duplicates.alarm ? ': more than chance gives' : ''}`}`,
    `bound       ${bound ? `±${percent(bound.value)} ${bound.holds ? 'holds at every decision' : 'BROKEN'}` : `none: ${config.calibration} promises none on an arbitrary sequence`}`,
    '',
    table([['turn', 'decisions', 'rejected'], ...rows]),
    ...(written.length > 0 ? ['', ...written] : []),
  ].join('\n');
}

function bankText({ bank, config }: ReplayTold): string {
  if (bank === null) return 'none';
  const scores = [...bank.turns, ...Object.values(bank.questions ?? {})].flat();
  return `${config.bank}: ${plural(scores.length, 'score')}`;
}

function percentileText({ decisions, percentileMismatches }: ReplayTold): string {
  const recorded = decisions.filter(({ percentile }) => percentile !== null).length;
  if (recorded === 0) return 'none recorded';
  const compared = percentileMismatches === null ? 'no bank to compare with' : `${count(percentileMismatches)} differ`;
  return `${count(recorded)} recorded, ${compared}`;
}

function spreadText(rates: readonly number[]): string {
  const sorted = Float64Array.from(rates).sort();
  const [lowest, lower, upper, highest] = [0, 0.25, 0.75, 1].map((q) => percent(quantile(sorted, q)));
  return `${lowest} to ${highest} rejected, half of them ${lower} to ${upper}`;
}

/** What `atts replay --durations` says on a terminal. */
export function describeBarrierCost(
  told: BarrierCost & Pick<RecordedTimes, 'turnTimes'> & { readonly source: string },
): string {
  const seconds = (value: number) => {
    const digits = value < 100 ? 1 : 0;
    return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  };
  const withCost = (value: number, least: number) => [seconds(value), `${(value / least).toFixed(2)}x`];
  const rows = told.schedules.map(({ slots, workConserving, perProblem, perTurn }) => [
    ...[count(slots), seconds(workConserving)],
    ...[...withCost(perProblem, workConserving), ...withCost(perTurn, workConserving)],
  ]);
  const head = ['slots', 'no barrier s', 'per problem s', 'cost', 'per turn s', 'cost'];
  return [
    `chains  ${told.source}: ${count(told.chains)} of ${plural(told.problems, 'problem')}, ${seconds(told.totalSeconds)} s in all, the longest ${seconds(told.longestSeconds)} s`,
    told.turnTimes === 'recorded'
      ? 'turns   as recorded, time in queues and at barriers left out'
      : "turns   not on record: each chain's duration is split evenly over its turns",
    '',
    table([head, ...rows]),
  ].join('\n');
}
