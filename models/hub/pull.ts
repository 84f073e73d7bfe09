import { existsSync, mkdirSync, renameSync, statfsSync, statSync, symlinkSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { datasetInfo, listFiles, modelInfo } from '@huggingface/hub';
import { makeFolder, writeFileAtomic } from '../../src/atomic-file.js';
import { AttsError } from '../../src/errors.js';
import { writeError } from '../../src/io-error.js';
import { cacheFolder, repositoryFolder, snapshotOf } from './cache.js';
import { HubConnection, type HubOptions, isOffline } from './connection.js';
import type { Content } from './partial.js';
import { isCommit, isInside, type Repository } from './spec.js';
import { transfer } from './transfer.js';

/** A file of a repository, before it is loaded. */
export interface RemoteFile extends Content {
  readonly path: string;
}

export interface PullProgress {
  readonly file: string;
  /** Bytes of all chosen files that are there. */
  readonly done: number;
  readonly total: number;
}

export interface PullOptions extends HubOptions {
  /** Branch, tag or commit. */
  readonly revision?: string;
  /** Chooses among all files of the repository; may throw where nothing is to be chosen. */
  readonly select: (files: readonly RemoteFile[]) => readonly RemoteFile[];
  readonly onProgress?: (progress: PullProgress) => void;
}

export interface Pulled {
  /** The snapshot's folder in the cache. */
  readonly folder: string;
  readonly commit: string;
  /** Paths of the chosen files; empty offline, where nobody tells what there is. */
  readonly files: readonly string[];
  readonly bytes: number;
}

/**
 * Brings the chosen files of a repository into the cache. Info and listing are the library's; the transfer is our own,
 * because the library's keeps no partial file, checks no checksum, tries once, and lets two processes write one file.
 * @throws AttsError `io` for what the hub refuses, the disk has no room for or the network does not bring; `usage` for a
 * malformed revision; whatever `select` throws
 */
export async function pull(repository: Repository, options: PullOptions): Promise<Pulled> {
  const { revision = 'main', cache = cacheFolder(), onProgress } = options;
  if (!isInside(revision)) throw new AttsError('usage', `${revision} is not a branch, a tag or a commit`);
  if (options.offline ?? isOffline()) return fromCache(repository, revision, cache);
  const connection = new HubConnection(repository, options);
  const { commit, files } = await look(repository, revision, connection);
  const chosen = options.select(files);
  const home = repositoryFolder(repository, cache);
  const blobOf = ({ checksum }: RemoteFile) => join(home, 'blobs', checksum);
  for (const name of ['blobs', 'snapshots', 'refs']) makeFolder(join(home, name));
  const missing = chosen.filter((file) => !existsSync(blobOf(file)));
  requireSpace(home, missing);
  const total = chosen.reduce((sum, { size }) => sum + size, 0);
  let done = total - missing.reduce((sum, { size }) => sum + size, 0);
  for (const file of missing) {
    await transfer(connection, {
      name: `${repository.name}: ${file.path}`,
      url: urlOf(connection.endpoint, repository, commit, file.path),
      path: blobOf(file),
      content: file,
      onBytes: (bytes) => onProgress?.({ file: file.path, done: done + bytes, total }),
    });
    done += file.size;
  }
  const folder = join(home, 'snapshots', commit);
  for (const file of chosen) await link(blobOf(file), join(folder, file.path));
  // Last, so that a branch never leads to a snapshot that is not whole.
  if (!isCommit(revision)) {
    const ref = join(home, 'refs', revision);
    // The name of a branch may have steps.
    makeFolder(dirname(ref));
    writeFileAtomic(ref, commit);
  }
  return { folder, commit, files: chosen.map(({ path }) => path), bytes: total };
}

function fromCache(repository: Repository, revision: string, cache: string): Pulled {
  const folder = snapshotOf(repository, revision, cache);
  if (folder !== null) return { folder, commit: folder.slice(-40), files: [], bytes: 0 };
  const { name } = repository;
  throw new AttsError(
    'io',
    `${name} at ${revision} is not in the cache ${cache}, and the hub may not be asked (offline)`,
  );
}

/** The commit of a revision and its files. */
async function look(repository: Repository, revision: string, connection: HubConnection) {
  const { kind, name } = repository;
  const { endpoint: hubUrl, fetch } = connection;
  const info = { name, revision, hubUrl, fetch };
  const files: RemoteFile[] = [];
  try {
    const { sha: commit } =
      kind === 'model'
        ? await modelInfo({ ...info, additionalFields: ['sha'] })
        : await datasetInfo({ ...info, additionalFields: ['sha'] });
    if (!isCommit(commit)) throw new Error('the answer has no commit');
    const listing = listFiles({ repo: { type: kind, name }, recursive: true, revision: commit, hubUrl, fetch });
    for await (const entry of listing) {
      if (entry.type === 'file') files.push(remoteFile(entry));
    }
    return { commit, files };
  } catch (cause) {
    if (cause instanceof AttsError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AttsError('io', `${hubUrl} does not answer as a hub does: ${why.slice(0, 200)}`, { cause });
  }
}

function remoteFile({
  path,
  size,
  oid,
  lfs,
}: {
  path: string;
  size: number;
  oid?: string;
  lfs?: { oid: string };
}): RemoteFile {
  const file = lfs
    ? { path, size, algorithm: 'sha256' as const, checksum: lfs.oid }
    : { path, size, algorithm: 'git-sha1' as const, checksum: oid ?? '' };
  // The path and the checksum become names of files here.
  if (!isInside(path)) throw new Error(`the file name ${JSON.stringify(path)} leads out of the repository`);
  if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(file.checksum)) throw new Error(`${path} has no checksum`);
  if (!Number.isSafeInteger(size) || size < 0) throw new Error(`${path} has no size`);
  return file;
}

function urlOf(endpoint: string, { kind, name }: Repository, commit: string, path: string): string {
  const steps = path.split('/').map(encodeURIComponent).join('/');
  return `${endpoint}/${kind === 'dataset' ? 'datasets/' : ''}${name}/resolve/${commit}/${steps}`;
}

/** What is known not to fit is not begun. */
function requireSpace(home: string, missing: readonly RemoteFile[]): void {
  const needed = missing.reduce((sum, { size, checksum }) => {
    const there = statSync(join(home, 'blobs', `${checksum}.partial`), { throwIfNoEntry: false })?.size ?? 0;
    return sum + Math.max(0, size - there);
  }, 0);
  const { bavail, bsize } = statfsSync(home);
  if (needed <= bavail * bsize) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  const room = `${gigabytes(needed)} are needed and ${gigabytes(bavail * bsize)} free`;
  throw new AttsError('io', `no space for it in ${home}: ${room}; free some or set HF_HUB_CACHE`);
}

let count = 0;

/** A link as all tools of the hub make it, relative; a copy where the platform allows no links. */
async function link(blob: string, pointer: string): Promise<void> {
  const temporary = `${pointer}.${process.pid}-${++count}.tmp`;
  try {
    mkdirSync(dirname(pointer), { recursive: true });
    try {
      symlinkSync(relative(dirname(pointer), blob), temporary);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EPERM') throw cause;
      await copyFile(blob, temporary);
    }
    renameSync(temporary, pointer);
  } catch (cause) {
    throw writeError(pointer, cause);
  }
}
