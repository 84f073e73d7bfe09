import { note } from './output.js';

/** Ctrl-C came and the work has stopped cleanly; the message says how to go on. */
export class Interrupted extends Error {}

/**
 * Runs work that Ctrl-C (or a termination signal) stops cleanly; a second one kills the process.
 * @throws Interrupted where the work was stopped
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>, resume: string): Promise<T> {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    note('stopping; once more to stop at once');
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await work(controller.signal);
  } catch (cause) {
    if (controller.signal.aborted) throw new Interrupted(`interrupted; ${resume}`, { cause });
    throw cause;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
