/** In a browser, whose timers pause for some milliseconds and whose messages do not. */
import type * as node from './next-task.js';

const { port1, port2 } = new MessageChannel();
const waiting: (() => void)[] = [];
port1.onmessage = () => waiting.shift()?.();

export const nextTask: typeof node.nextTask = (work) => {
  waiting.push(work);
  port2.postMessage(null);
};
