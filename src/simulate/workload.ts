import { type RandomStream, randomStream } from '../../models/abacus/random.js';
import { AttsError } from '../errors.js';
import { groupBy } from '../group-by.js';
import { chainKey, type ModelCallEvent, type Policy } from '../runs/records.js';

/** What a chain asks of the models in one turn, in tokens. */
export interface TurnWork {
  readonly draft: number;
  /** 0: the chunk was not scored. */
  readonly scored: number;
  /** 0: the target wrote nothing. */
  readonly target: number;
}

export interface ChainWork {
  readonly problem: string;
  readonly sample: number;
  readonly promptTokens: number;
  readonly turns: readonly TurnWork[];
}

/** The work of a recorded run, from its events. */
export function recordedWork(events: readonly ModelCallEvent[]): ChainWork[] {
  const chains = groupBy(events, chainKey);
  return [...chains.values()].map((own) => {
    const { problem, sample } = own[0];
    const turns = groupBy(own, ({ turn }) => turn);
    const tokens = (calls: readonly ModelCallEvent[], kind: ModelCallEvent['kind']) =>
      calls.filter((event) => event.kind === kind).reduce((sum, event) => sum + event.tokens, 0);
    return {
      ...{ problem, sample, promptTokens: Math.min(...own.map((event) => event.promptTokens)) },
      turns: [...turns.keys()]
        .sort((a, b) => a - b)
        .map((turn) => turns.get(turn) as ModelCallEvent[])
        .map((calls) => ({
          ...{ draft: tokens(calls, 'draft'), scored: tokens(calls, 'score'), target: tokens(calls, 'target') },
        })),
    };
  });
}

export interface SyntheticWork {
  readonly problems: number;
  readonly samples: number;
  /** Tokens of a chunk. */
  readonly draftTokens: number;
  readonly targetTokens: number;
  readonly promptTokens: number;
  /** Mean tokens of a whole chain. */
  readonly chainTokens: number;
  /** Standard deviation of the logarithm of a chain's length: how unlike chains are. */
  readonly spread: number;
  readonly rejectionRate: number;
  /** Most turns a chain. */
  readonly turns: number;
  readonly seed: number;
}

/**
 * Chains of log-normal lengths under `replace`: a rejected chunk is written anew by the target. The same seed gives the
 * same chains.
 */
export function syntheticWork(settings: SyntheticWork): ChainWork[] {
  const { problems, samples, draftTokens, targetTokens, promptTokens, chainTokens, spread, rejectionRate } = settings;
  if (!(chainTokens > 0 && draftTokens > 0 && targetTokens > 0)) {
    throw new AttsError('usage', 'chains and chunks need at least one token');
  }
  const random = randomStream(settings.seed, 'workload');
  return Array.from({ length: problems }, (_, problem) =>
    Array.from({ length: samples }, (_, sample): ChainWork => {
      // The mean of exp(μ + σz) is exp(μ + σ²/2).
      let left = Math.max(1, Math.round(chainTokens * Math.exp(spread * normal(random) - spread ** 2 / 2)));
      const turns: TurnWork[] = [];
      while (left > 0 && turns.length < settings.turns) {
        const isRejected = random.uniform() < rejectionRate;
        const draft = Math.min(draftTokens, left);
        const target = isRejected ? Math.min(targetTokens, left) : 0;
        turns.push({ draft, scored: draft, target });
        left -= isRejected ? target : draft;
      }
      return { problem: String(problem), sample, promptTokens, turns };
    }),
  ).flat();
}

/** Mean 0, variance 1 (Box and Muller 1958). */
function normal({ uniform }: RandomStream): number {
  return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** The same chains written by one model alone: as many tokens as they kept. */
export function aloneWork(
  chains: readonly ChainWork[],
  author: 'draft' | 'target',
  policy: Policy = 'replace',
): ChainWork[] {
  const kept = ({ draft, target }: TurnWork) => (policy === 'continue' ? draft + target : target > 0 ? target : draft);
  return chains.map(({ turns, ...chain }) => {
    const tokens = turns.reduce((sum, turn) => sum + kept(turn), 0);
    return { ...chain, turns: [{ draft: 0, scored: 0, target: 0, [author]: tokens }] };
  });
}
