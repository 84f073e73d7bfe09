import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { AttsError } from '../../src/errors.js';
import { writeError } from '../../src/io-error.js';
import { isAlive } from '../../src/process-alive.js';

/** What a file's bytes must be. */
export interface Content {
  readonly size: number;
  /** SHA-256 of large files; of small ones git's id: the SHA-1 of `blob <size>\0` and the bytes. */
  readonly algorithm: 'sha256' | 'git-sha1';
  /** Hex. */
  readonly checksum: string;
}

const host = hostname().replace(/[^\w]/g, '_');
let count = 0;

/**
 * A file on its way: bytes are appended, hashed as they come, and take the file's name only when the hash is right. Each
 * pull writes a file of its own (`<name>.<host>-<process>-<n>.partial`), so that pulls at the same time never mix; one
 * that ends early leaves it as `<name>.partial`, and the next pull that renames that to its own goes on from there.
 */
export class PartialFile {
  bytes = 0;
  private readonly path: string;
  private readonly own: string;
  private readonly content: Content;
  private readonly handle: FileHandle;
  private hash: Hash;

  private constructor(path: string, own: string, handle: FileHandle, content: Content) {
    this.path = path;
    this.own = own;
    this.handle = handle;
    this.content = content;
    this.hash = hashOf(content);
  }

  /** @throws AttsError `io` */
  static async open(path: string, content: Content): Promise<PartialFile> {
    const own = `${path}.${host}-${process.pid}-${++count}.partial`;
    try {
      for (const left of await leftovers(path)) {
        if (await moved(left, own)) break;
      }
      const partial = new PartialFile(path, own, await open(own, 'a'), content);
      await partial.hashWhatIsThere();
      return partial;
    } catch (cause) {
      throw writeError(path, cause);
    }
  }

  /** @throws AttsError `io` when the disk is full or failing */
  async append(chunk: Uint8Array): Promise<void> {
    try {
      await this.handle.appendFile(chunk);
    } catch (cause) {
      throw writeError(this.path, cause);
    }
    this.hash.update(chunk);
    this.bytes += chunk.length;
  }

  /** Throws away what is there. */
  async restart(): Promise<void> {
    await this.handle.truncate(0);
    this.hash = hashOf(this.content);
    this.bytes = 0;
  }

  /** The whole file under its name, or nothing: wrong bytes are thrown away. @throws AttsError `io` */
  async finish(name: string): Promise<void> {
    const found = this.hash.digest('hex');
    if (found !== this.content.checksum) {
      await this.handle.close();
      await rm(this.own, { force: true });
      const { algorithm, checksum } = this.content;
      const what = `its ${algorithm} is ${found.slice(0, 12)}…, not ${checksum.slice(0, 12)}…`;
      throw new AttsError('io', `${name} arrived damaged: ${what}; it is thrown away, run the command again`);
    }
    try {
      await this.handle.sync();
      await this.handle.close();
      await rename(this.own, this.path);
    } catch (cause) {
      throw writeError(this.path, cause);
    }
  }

  /** Leaves what is there to a later pull; after `finish` there is nothing to leave. */
  async leave(): Promise<void> {
    await this.handle.close().catch(() => {});
    if (this.bytes > 0) await moved(this.own, `${this.path}.partial`);
    else await rm(this.own, { force: true });
  }

  private async hashWhatIsThere(): Promise<void> {
    const { size } = await stat(this.own);
    // What is longer than the file can be is none of its bytes.
    if (size > this.content.size) return this.restart();
    if (size === 0) return;
    for await (const chunk of createReadStream(this.own, { end: size - 1 }) as AsyncIterable<Buffer>) {
      this.hash.update(chunk);
      this.bytes += chunk.length;
    }
  }
}

function hashOf({ algorithm, size }: Content): Hash {
  return algorithm === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
}

/** Partial files that nobody writes: left on purpose, or by processes of this machine that were killed. */
async function leftovers(path: string): Promise<string[]> {
  const prefix = `${basename(path)}.`;
  const names = (await readdir(dirname(path))).filter((name) => name.startsWith(prefix) && name.endsWith('.partial'));
  return names
    .filter((name) => {
      const owner = name.slice(prefix.length, -'.partial'.length);
      const [, machine, pid] = /^(\w+)-(\d+)-\d+$/.exec(owner) ?? [];
      return name === `${basename(path)}.partial` || (machine === host && !isAlive(Number(pid)));
    })
    .map((name) => join(dirname(path), name));
}

/** False where another was first. */
async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw cause;
  }
}
