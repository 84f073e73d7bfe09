import {
  constants,
  copyFileSync,
  linkSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { AttsError } from '../errors.js';
import { writeError } from '../io-error.js';
import { isAlive } from '../process-alive.js';

/** Folders locked by this process. */
const held = new Set<string>();

/** What a file system without hard links (exFAT, some network folders) answers. */
const noHardLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * One writer a run: the file `lock` names the process that writes. It holds between processes of one machine, not
 * between machines that share a disk.
 */
export class RunLock {
  private readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * Takes the lock, also from a process that is gone.
   * @throws AttsError `config` where another run holds it, `io` where the file cannot be written
   */
  static take(path: string): RunLock {
    const folder = realpathSync(path);
    const lock = join(folder, 'lock');
    const mine = join(folder, `lock.${process.pid}.tmp`);
    // Linked into place, because a lock that is made first and filled later can be seen, or left behind, empty.
    try {
      writeFileSync(mine, `${process.pid} ${startOf(process.pid) ?? ''}`);
      for (;;) {
        if (tryLink(mine, lock)) {
          held.add(folder);
          return new RunLock(folder);
        }
        const text = readIfThere(lock);
        if (text === null) continue;
        const [pid] = text.split(' ');
        if (isHeld(text, folder)) {
          throw new AttsError(
            'config',
            `${path} is being written by process ${pid}; wait for it or choose another --out`,
          );
        }
        removeStale(lock, text);
      }
    } catch (cause) {
      throw cause instanceof AttsError ? cause : writeError(lock, cause);
    } finally {
      rmSync(mine, { force: true });
    }
  }

  release(): void {
    if (held.delete(this.folder)) rmSync(join(this.folder, 'lock'), { force: true });
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    if (!noHardLinks.has((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
  }
  try {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}

/** Two processes may judge one lock stale: the later one may have moved away the other's new lock, and puts it back. */
function removeStale(lock: string, judged: string): void {
  const moved = `${lock}.stale.${process.pid}.tmp`;
  try {
    renameSync(lock, moved);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw cause;
  }
  if (readIfThere(moved) !== judged) tryLink(moved, lock);
  rmSync(moved, { force: true });
}

/** A process id alone is not enough: containers hand out the same few ids again and again. */
function isHeld(text: string, folder: string): boolean {
  const [pid, start] = text.split(' ');
  const id = Number(pid);
  if (!Number.isInteger(id) || id < 1) return false;
  if (id === process.pid) return held.has(folder);
  if (!isAlive(id)) return false;
  const now = startOf(id);
  return !start || now === null || now === start;
}

/** When a process began, in clock ticks since boot (proc(5), field 22 of stat); null where there is no /proc. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name stands in parentheses and may hold anything: fields are counted from behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
