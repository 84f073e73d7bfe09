import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { getHFHubCachePath, getRepoFolderName } from '@huggingface/hub';
import { AttsError } from '../../src/errors.js';
import { hubEndpoint } from './connection.js';
import { isCommit, parseHubSpec, type Repository } from './spec.js';

/**
 * The cache that all tools of the hub share (HF_HUB_CACHE, or hub/ in HF_HOME): `models--org--name/` holds `blobs/` named
 * by checksum, `snapshots/<commit>/` of links to them, and `refs/` that tell a branch's or tag's commit.
 */
export const cacheFolder = getHFHubCachePath;

/** The repository's folder in the cache, whether it is there or not. */
export function repositoryFolder({ kind, name }: Repository, cache: string): string {
  return join(cache, getRepoFolderName({ type: kind, name }));
}

/** The folder of a revision's files; null where it was never pulled. */
export function snapshotOf(repository: Repository, revision: string, cache = cacheFolder()): string | null {
  const folder = repositoryFolder(repository, cache);
  const commit = isCommit(revision) ? revision : readRef(join(folder, 'refs', revision));
  const snapshot = commit === null ? null : join(folder, 'snapshots', commit);
  return snapshot !== null && existsSync(snapshot) ? snapshot : null;
}

function readRef(path: string): string | null {
  try {
    const commit = readFileSync(path, 'utf8').trim();
    return isCommit(commit) ? commit : null;
  } catch {
    return null;
  }
}

/**
 * The checkpoint that a hub id names, from the cache alone: the snapshot's folder, or its .gguf file. Null where the text
 * is no hub id.
 * @throws AttsError `usage` where it is not in the cache, saying how to get it, or holds several .gguf files
 */
export function resolveCached(spec: string): string | null {
  const hub = parseHubSpec(spec);
  if (hub === null) return null;
  const { repository, revision, file } = hub;
  const snapshot = snapshotOf(repository, revision);
  if (snapshot === null || (file !== null && !existsSync(join(snapshot, file)))) {
    const [id] = spec.split(':');
    const pull = `${spec} is not here; run atts models pull ${id}`;
    if (file === null) throw new AttsError('usage', pull);
    const url = `${hubEndpoint()}/${repository.name}/resolve/${revision}/${file}`;
    throw new AttsError('usage', `${pull} --file ${file}, or give ${url} to read it where it is`);
  }
  if (file !== null) return join(snapshot, file);
  if (existsSync(join(snapshot, 'config.json'))) return snapshot;
  const models = readdirSync(snapshot).filter((name) => name.endsWith('.gguf'));
  if (models.length > 1) {
    throw new AttsError('usage', `${spec} has several .gguf files here; give one of ${named(spec, models)}`);
  }
  return models.length === 1 ? join(snapshot, models[0]) : snapshot;
}

const named = (spec: string, files: readonly string[]) => files.map((file) => `${spec}:${file}`).join(', ');

/** `org/name@1a2b3c4d[:file]` of a path in the cache; null of any other. */
export function hubIdOf(path: string): string | null {
  const found = /models--([^/\\]+?)--([^/\\]+)[/\\]snapshots[/\\]([0-9a-f]{8})[0-9a-f]{32}(?:[/\\](.+))?$/.exec(path);
  if (found === null) return null;
  const [, organisation, name, commit, file] = found;
  return `${organisation}/${name}@${commit}${file === undefined ? '' : `:${file}`}`;
}

export interface CachedModel {
  /** `org/name` */
  readonly name: string;
  /** Commit. */
  readonly revision: string;
  /** Branches and tags that were pulled as this commit. */
  readonly refs: readonly string[];
  readonly files: readonly string[];
  readonly bytes: number;
  readonly folder: string;
}

/**
 * The models of the cache, a row a commit. (The library's own scan passes over files in folders, and over repositories
 * without `refs/`, which is how a pull by commit may leave them.)
 */
export function cachedModels(cache = cacheFolder()): CachedModel[] {
  return names(cache)
    .filter((name) => /^models--.+--.+$/.test(name))
    .flatMap((name) => {
      const folder = join(cache, name);
      const [, ...id] = name.split('--');
      const refs = filesBelow(join(folder, 'refs')).map((ref) => ({ ref, commit: readRef(join(folder, 'refs', ref)) }));
      return names(join(folder, 'snapshots'))
        .filter(isCommit)
        .map((revision) => {
          const snapshot = join(folder, 'snapshots', revision);
          const files = filesBelow(snapshot);
          const bytes = files.reduce((sum, file) => sum + statSync(join(snapshot, file)).size, 0);
          const own = refs.filter(({ commit }) => commit === revision).map(({ ref }) => ref);
          return { name: id.join('/'), revision, refs: own, files, bytes, folder: snapshot };
        });
    });
}

/** Names in a folder, sorted; none where there is no such folder. */
function names(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

/** Paths of the files below a folder, `/` between steps. A link to nothing is no file. */
function filesBelow(folder: string, prefix = ''): string[] {
  return names(join(folder, prefix)).flatMap((name) => {
    const path = prefix + name;
    const stat = statSync(join(folder, path), { throwIfNoEntry: false });
    if (stat?.isDirectory()) return filesBelow(folder, `${path}/`);
    return stat?.isFile() ? [path] : [];
  });
}
