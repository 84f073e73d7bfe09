import { join } from 'node:path';
import { diagnose } from '../../src/conformal/index.js';
import { decisionsOf } from '../../src/runs/decisions.js';
import { RunDirectory, type RunManifest, runConfigSchema, summarise } from '../../src/runs/index.js';
import { shardOf } from '../../src/runs/shard.js';
import { accuracyOf, rejectionOf } from '../../src/scaling/metrics.js';
import { loadDataset } from '../../src/tasks/datasets/index.js';
import { isCorrect } from '../../src/tasks/grading.js';
import { chain, event, manifest } from '../runs/fixtures.js';

/** A chain as a test wants it. */
export interface ShardedChain {
  readonly correct: boolean;
  readonly failed?: boolean;
  readonly finished: number;
}

const samples = 2;

export async function manifestOfShard(shard: string | null): Promise<RunManifest> {
  const config = runConfigSchema.parse({ limit: 6, samples, shard });
  const { hash } = await loadDataset('abacus', { limit: 6 });
  return manifest({ config, dataset: { name: 'abacus', hash, problems: 6 } });
}

/**
 * The 12 chains of a run, six problems twice, in the directories of its shards, or, with 0 of them, in one; made without a
 * model. `rules` gives each shard's bound and number of decisions.
 */
export async function writeShards(
  path: string,
  written: readonly ShardedChain[],
  count: number,
  rules?: { bounds: readonly { value: number; holds: boolean }[]; decisions: readonly number[] },
): Promise<string[]> {
  const { problems } = await loadDataset('abacus', { limit: 6 });
  const paths: string[] = [];
  for (let index = 0; index < Math.max(1, count); index++) {
    const shard = count === 0 ? null : `${index + 1}/${count}`;
    const made = await manifestOfShard(shard);
    const own = shardOf(problems, shard);
    const chains = own.flatMap(({ id: problem, answer }) =>
      Array.from({ length: samples }, (_, sample) => {
        const { correct, failed, finished } =
          written[problems.findIndex(({ id }) => id === problem) * samples + sample];
        const failure = failed ? ({ status: 'failed', error: 'no score', correct: false } as const) : { correct };
        return chain({ problem, sample, answer, finished, ...failure });
      }),
    );
    const decisions = rules?.decisions[index] ?? chains.length;
    const events = chains.flatMap(({ problem, sample, finished }, i) => {
      const first = event({ problem, sample, finished, kind: 'score', score: 1, p: 0.5, alpha: 0.4, rejected: false });
      // All decisions of the shard, spread over its chains.
      const share = Math.floor(decisions / chains.length) + (i < decisions % chains.length ? 1 : 0);
      return Array.from({ length: share }, (_, turn) => ({ ...first, turn }));
    });
    const bound = () => rules?.bounds[index] ?? null;
    const directory = RunDirectory.open(join(path, String(index)), made);
    for (const one of events) directory.recordEvent(one);
    for (const one of chains) directory.recordChain(one);
    directory.writeSummary(
      summarise({
        ...{ config: made.config, dataset: 'abacus', problems: own.length, chains, events, wallSeconds: 1, work: null },
        accuracy: accuracyOf(own, chains, made.config, isCorrect),
        rejection: rejectionOf(diagnose(decisionsOf(events), { alpha: 0.4 }), { name: 'online', bound }),
      }),
    );
    directory.close();
    paths.push(join(path, String(index)));
  }
  return paths;
}
