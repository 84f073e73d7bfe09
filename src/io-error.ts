import { AttsError } from './errors.js';

/** One line for a write that failed. */
export function writeError(path: string, cause: unknown): AttsError {
  const full = (cause as NodeJS.ErrnoException).code === 'ENOSPC';
  const why = full
    ? 'no space left on device; free some space and run the same command again to resume'
    : reasonOf(cause);
  return new AttsError('io', `cannot write ${path}: ${why}`, { cause });
}

/** A message on one line. */
export function reasonOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, ' ');
}

/** What a failed `fetch` failed of: it only says itself that it did. */
export function networkReason(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return (inner as NodeJS.ErrnoException | null)?.code ?? reasonOf(inner);
}
