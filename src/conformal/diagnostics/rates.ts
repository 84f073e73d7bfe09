/** A decision and where it was made. Lists are in the order of the decisions. */
export interface Observation {
  readonly turn: number;
  readonly problem: string;
  readonly p: number;
  readonly rejected: boolean;
  /** Mean nats per token; not every record keeps it. */
  readonly score?: number;
}

export interface Rate {
  readonly decisions: number;
  readonly rate: number;
}

/** Lowest and highest rejection rate over any `window` consecutive decisions; null when there are fewer. */
export function rollingRange(rejected: readonly boolean[], window = 200): { min: number; max: number } | null {
  if (rejected.length < window) return null;
  let inWindow = 0;
  let min = window;
  let max = 0;
  for (let index = 0; index < rejected.length; index++) {
    if (rejected[index]) inWindow++;
    if (index >= window && rejected[index - window]) inWindow--;
    if (index >= window - 1) {
      min = Math.min(min, inWindow);
      max = Math.max(max, inWindow);
    }
  }
  return { min: min / window, max: max / window };
}

/** Ascending by turn; turns without a decision are left out. */
export function ratePerTurn(
  observations: readonly Pick<Observation, 'turn' | 'rejected'>[],
): ({ turn: number } & Rate)[] {
  const rates = ratesBy(observations, ({ turn }) => turn);
  return [...rates].map(([turn, rate]) => ({ turn, ...rate })).sort((a, b) => a.turn - b.turn);
}

/** In the order in which the problems first appear. */
export function ratePerProblem(
  observations: readonly Pick<Observation, 'problem' | 'rejected'>[],
): ({ problem: string } & Rate)[] {
  const rates = ratesBy(observations, ({ problem }) => problem);
  return [...rates].map(([problem, rate]) => ({ problem, ...rate }));
}

function ratesBy<Row extends { rejected: boolean }, Key>(
  observations: readonly Row[],
  keyOf: (observation: Row) => Key,
) {
  const tallies = new Map<Key, { decisions: number; rejected: number }>();
  for (const observation of observations) {
    const key = keyOf(observation);
    const tally = tallies.get(key) ?? { decisions: 0, rejected: 0 };
    tallies.set(key, tally);
    tally.decisions++;
    if (observation.rejected) tally.rejected++;
  }
  return new Map(
    [...tallies].map(([key, { decisions, rejected }]) => [key, { decisions, rate: rejected / decisions }]),
  );
}
