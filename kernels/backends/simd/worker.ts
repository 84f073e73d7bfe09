/** A thread of the pool, in Node. */
import { workerData } from 'node:worker_threads';
import { runThread, type ThreadData } from './thread.js';

runThread(workerData as ThreadData);
