import { AttsError } from '../errors.js';
import { decisiveDifference, show } from './manifest.js';
import type { RunManifest } from './schemas.js';
import { placeOf } from './shard.js';

/**
 * Refuses runs that are not all shards of one run, each once.
 * @param runs one at least
 * @throws AttsError `config` naming the first field that differs, or the shard that is missing or there twice
 */
export function refuseOtherShards(runs: readonly { readonly path: string; readonly manifest: RunManifest }[]): void {
  const [first] = runs;
  const places = new Map<number, string>();
  for (const { path, manifest } of runs) {
    if (manifest.config.shard === null)
      throw new AttsError('config', `${path} is no shard: it was run without --shard`);
    const difference = decisiveDifference(unsharded(first.manifest), unsharded(manifest));
    if (difference) {
      const { field, was, is } = difference;
      throw new AttsError(
        'config',
        `${path} was made with ${field} ${show(is)}, ${first.path} with ${show(was)}: they are not shards of one run`,
      );
    }
    const { index, count } = placeOf(manifest.config.shard);
    if (count !== placeOf(shardName(first.manifest)).count) {
      throw new AttsError(
        'config',
        `${path} is shard ${index}/${count}, but ${first.path} ${shardName(first.manifest)}`,
      );
    }
    const other = places.get(index);
    if (other !== undefined) throw new AttsError('config', `${other} and ${path} are both shard ${index}/${count}`);
    places.set(index, path);
  }
  const { count } = placeOf(shardName(first.manifest));
  for (let index = 1; index <= count; index++) {
    if (!places.has(index)) throw new AttsError('config', `shard ${index}/${count} is missing; give all ${count} runs`);
  }
}

export const shardName = ({ config }: RunManifest): string => config.shard as string;

/** What the shards of a run have in common. */
export function unsharded(manifest: RunManifest): RunManifest {
  return { ...manifest, config: { ...manifest.config, shard: null } };
}
