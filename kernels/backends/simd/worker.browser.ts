/** A thread of the pool, in a browser: says that it has begun, then runs and hears no message any more. */
import { runThread, type ThreadData } from './thread.js';

addEventListener(
  'message',
  ({ data }) => {
    postMessage('begun');
    runThread(data as ThreadData);
  },
  { once: true },
);
