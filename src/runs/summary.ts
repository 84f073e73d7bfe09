import type { RunConfig } from './config.js';
import type { ChainRecord, ModelCallEvent, Summary } from './records.js';

export interface SummaryInput {
  readonly config: RunConfig;
  readonly dataset: string;
  readonly problems: number;
  readonly chains: readonly ChainRecord[];
  readonly events: readonly ModelCallEvent[];
  readonly wallSeconds: number;
  /** How many shards the run was merged from. */
  readonly shards?: number;
  readonly accuracy: Summary['accuracy'];
  readonly rejection: Summary['rejection'];
  /** What the models did, where it was counted. */
  readonly work: { flops: number; bytes: number; computeSeconds: number; memorySeconds: number } | null;
}

/** `summary.json` of a run. What nothing has measured is null. */
export function summarise(input: SummaryInput): Summary {
  const { config, chains, events, wallSeconds } = input;
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const tokensOf = (kind: ModelCallEvent['kind']) =>
    sum(events.filter((event) => event.kind === kind).map(({ tokens }) => tokens));
  const [draftGenerated, targetGenerated] = [tokensOf('draft'), tokensOf('target')];
  const syncWaitSeconds = sum(chains.map(({ barrier }) => barrier)) / 1000;
  const { work } = input;
  const finished = chains.filter(({ status }) => status === 'finished');
  return {
    schema: 'atts.summary/1',
    method: config.method,
    schedule: config.schedule,
    draft: config.method === 'target-only' ? null : config.draft,
    target: config.method === 'draft-only' ? null : config.target,
    dataset: input.dataset,
    problems: input.problems,
    samples: config.samples,
    seed: config.seed,
    ...(config.shard !== null && { shard: config.shard }),
    ...(input.shards !== undefined && { shards: input.shards }),
    accuracy: input.accuracy,
    rejection: input.rejection,
    tokens: {
      draftGenerated,
      targetGenerated,
      targetScored: tokensOf('score'),
      promptComputed: sum(events.map(({ promptTokens, cachedTokens }) => promptTokens - cachedTokens)),
      promptCached: sum(events.map(({ cachedTokens }) => cachedTokens)),
    },
    time: {
      wallSeconds,
      computeSeconds: work?.computeSeconds ?? null,
      memorySeconds: work?.memorySeconds ?? null,
      syncWaitSeconds,
      queueWaitSeconds: sum(events.map(({ queued, started }) => started - queued)) / 1000,
    },
    intensity: {
      classical: work ? work.flops / work.bytes : null,
      asynchronous: work ? work.computeSeconds / (work.memorySeconds + syncWaitSeconds) : null,
    },
    throughput: {
      tokensPerSecond: wallSeconds > 0 ? (draftGenerated + targetGenerated) / wallSeconds : 0,
      chainsPerSecond: wallSeconds > 0 ? finished.length / wallSeconds : 0,
    },
    chains: {
      finished: finished.length,
      failed: chains.length - finished.length,
      unanswered: finished.filter(({ answer }) => answer === null).length,
    },
  };
}
