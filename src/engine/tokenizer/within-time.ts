import { createContext, Script } from 'node:vm';
import { AttsError } from '../../errors.js';

const context = createContext({ work: null });
const script = new Script('work()');

/**
 * Runs work whose patterns come from a file: a regular expression can be written so that a match takes for ever, and the
 * watchdog of node:vm is what can break one off. It costs some 40 µs a call.
 * @throws AttsError `checkpoint` with `what` when the time is over; what `work` throws is passed on
 */
export function withinTime<T>(milliseconds: number, what: string, work: () => T): T {
  const outer = context.work;
  context.work = work;
  try {
    return script.runInContext(context, { timeout: milliseconds }) as T;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw cause;
    throw new AttsError('checkpoint', `${what} takes more than ${milliseconds / 1000} s; its patterns cannot be used`, {
      cause,
    });
  } finally {
    context.work = outer;
  }
}
