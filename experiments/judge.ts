import { groupBy } from '../src/group-by.js';
import {
  type CalibratorOptions,
  type Decision,
  decisionGroups,
  kolmogorovSmirnovUniform,
  makeCalibrator,
  ratePerTurn,
  rollingRange,
  ScoreBank,
  type ScoredChunk,
} from '../src/index.js';
import type { Stream } from './reference-streams.js';
import { uniforms } from './synthetic-streams.js';

/** The rules that a stream with one bank can be judged by. */
export const rules: readonly (Pick<CalibratorOptions, 'name' | 'barrier'> & { label: string })[] = [
  { label: 'marginal', name: 'marginal' },
  { label: 'aci', name: 'aci' },
  { label: 'turn-aci', name: 'turn-aci' },
  { label: 'dtaci', name: 'dtaci' },
  { label: 'pid', name: 'pid' },
  { label: 'online', name: 'online' },
  { label: 'budget', name: 'budget', barrier: false },
  { label: 'budget, barrier', name: 'budget', barrier: true },
];

/** Turns with fewer decisions say nothing of their rate. */
const leastDecisions = 100;

export interface Judgement {
  readonly overall: number;
  /** Lowest and highest rate over 200 consecutive decisions. */
  readonly rolling: [number, number];
  /** Lowest and highest rate of the turns with 100 decisions. */
  readonly perTurn: [number, number];
  readonly rollingOff: number;
  readonly turnOff: number;
  /** Kolmogorov–Smirnov distance of the p-values from the uniform law. */
  readonly ks: number;
  /** How much worse than others of their turn the rejected chunks are, over the most that as many could be: 0 = blind. */
  readonly power: number;
  /** Share of the rejected chunks that are among the worst α of their turn. */
  readonly overlap: number;
  readonly bound: { value: number; holds: boolean } | null;
}

/** Runs a rule over a stream with a bank that stays as it is. */
export function judge(
  { bank, chunks }: Stream,
  rule: Pick<CalibratorOptions, 'name' | 'barrier' | 'alpha' | 'pValue' | 'gamma'>,
): Judgement {
  const { alpha } = rule;
  const calibrator = makeCalibrator({ ...rule, seed: 0, grow: false, banks: { turns: [new ScoreBank(bank)] } });
  const decisions: Decision[] = decisionGroups(chunks, calibrator).flatMap((group) => calibrator.decide(group));
  const rejected = decisions.map((decision) => decision.rejected);
  const window = rollingRange(rejected) ?? { min: alpha, max: alpha };
  const turns = ratePerTurn(chunks.map(({ turn }, i) => ({ turn, rejected: rejected[i] })));
  const longTurns = turns.filter(({ decisions: count }) => count >= leastDecisions).map(({ rate }) => rate);
  const perTurn: [number, number] = [Math.min(...longTurns), Math.max(...longTurns)];
  const places = placesInTurn(chunks).filter((_, i) => rejected[i]);
  const advantage = places.reduce((sum, place) => sum + 0.5 - place, 0);
  // Of a rule that rejects as many chunks of each turn, but the worst.
  const best = turns.reduce((sum, { decisions: count, rate }) => sum + count * rate * (0.5 - rate / 2), 0);
  return {
    overall: places.length / chunks.length,
    rolling: [window.min, window.max],
    perTurn,
    rollingOff: Math.max(alpha - window.min, window.max - alpha),
    turnOff: Math.max(alpha - perTurn[0], perTurn[1] - alpha),
    ks: kolmogorovSmirnovUniform(decisions.map(({ p }) => p)).d,
    power: advantage / best,
    overlap: places.filter((one) => one <= alpha).length / places.length,
    bound: calibrator.bound(),
  };
}

/** The stream with its problems in another order; the chunks of a problem keep theirs. */
export function shuffled(stream: Stream, seed: number): Stream {
  const next = uniforms('order of problems', seed);
  const byProblem = groupBy(stream.chunks, ({ problem }) => problem);
  const keyed = [...byProblem.values()].map((chunks) => ({ chunks, key: next() })).sort((a, b) => a.key - b.key);
  return { ...stream, chunks: keyed.flatMap(({ chunks }) => chunks) };
}

/** For each chunk the share of its turn's chunks that are at least as bad; half of its equals, itself among them. */
function placesInTurn(chunks: readonly ScoredChunk[]): number[] {
  const banks = new Map<number, ScoreBank>();
  for (const [turn, own] of groupBy(chunks, (chunk) => chunk.turn)) {
    banks.set(turn, new ScoreBank(own.map(({ score }) => score)));
  }
  return chunks.map(({ turn, score }) => {
    const bank = banks.get(turn)!;
    return (bank.countAtLeast(score) - bank.countEqual(score) / 2) / bank.size;
  });
}
