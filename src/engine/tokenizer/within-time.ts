import { createContext, Script } from 'node:vm';
import { AttsError } from '../../errors.js';

const context = createContext({ work: null });
const script = new Script('work()');

/**
 * Runs work whose patterns come from a file: a regular expression can be written so that a match takes for ever, and the
 * watchdog of node:vm is what can break one off. It costs some 40 µs a call.
 *
 * The watchdog goes by the clock, which also runs while others have the processor. So work that is broken off is refused
 * where the process has computed for half of `milliseconds`, and else begun anew with twice the time.
 * @param work what may be broken off and begun anew
 * @throws AttsError `checkpoint` with `what` when the time is over; what `work` throws is passed on
 */
export function withinTime<T>(milliseconds: number, what: string, work: () => T): T {
  const outer = context.work;
  context.work = work;
  try {
    for (let timeout = milliseconds; ; timeout *= 2) {
      const before = process.cpuUsage();
      try {
        return script.runInContext(context, { timeout }) as T;
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw cause;
        // Of all threads: what others compute beside it can only bring back the limit by the clock.
        const { user, system } = process.cpuUsage(before);
        if ((user + system) / 1000 < milliseconds / 2) continue;
        const takes = `${what} takes more than ${milliseconds / 1000} s`;
        throw new AttsError('checkpoint', `${takes}; its patterns cannot be used`, { cause });
      }
    }
  } finally {
    context.work = outer;
  }
}
