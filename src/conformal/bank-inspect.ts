import { quantile } from '../statistics/index.js';
import { type BankFile, type StoredScore, storeScore } from './bank-format.js';
import { scoresByTurn } from './banks.js';
import { type Duplicates, duplicates } from './diagnostics/duplicates.js';
import type { BankProvenance } from './provenance.js';

const shares = { min: 0, q05: 0.05, q25: 0.25, median: 0.5, q75: 0.75, q95: 0.95, max: 1 } as const;

export interface ScoreListInspection extends Duplicates {
  /** Nats per token; null without a score. */
  readonly quantiles: Readonly<Record<keyof typeof shares, StoredScore>> | null;
  /** The smallest conformal p-value, 1/(m + 1), which is also the step between two. */
  readonly resolution: number;
  /** Problems that the scores are of, where the bank tells them. */
  readonly problems: number | null;
}

/** What a bank holds. Strict JSON. */
export interface BankInspection {
  readonly provenance: BankProvenance;
  readonly turns: readonly ({ readonly turn: number } & ScoreListInspection)[];
  readonly questions: readonly ({ readonly problem: string } & ScoreListInspection)[] | null;
}

export function inspectBank(file: BankFile): BankInspection {
  const { turns, problems } = scoresByTurn(file);
  return {
    provenance: file.provenance,
    turns: turns.map((scores, turn) => ({ turn, ...inspect(scores, problems && new Set(problems[turn]).size) })),
    questions: file.questions
      ? Object.entries(file.questions).map(([problem, scores]) => ({ problem, ...inspect(scores, 1) }))
      : null,
  };
}

function inspect(scores: readonly number[], problems: number | undefined): ScoreListInspection {
  const sorted = Float64Array.from(scores).sort();
  const at = (share: number) => storeScore(quantile(sorted, share));
  return {
    ...duplicates(scores),
    quantiles:
      sorted.length === 0
        ? null
        : (Object.fromEntries(Object.entries(shares).map(([name, share]) => [name, at(share)])) as Record<
            keyof typeof shares,
            StoredScore
          >),
    resolution: 1 / (scores.length + 1),
    problems: problems ?? null,
  };
}
