/** A thread with one local engine in it: opens the engine, then answers calls until it is closed. */
import { parentPort, workerData } from 'node:worker_threads';
import { AttsError } from '../../errors.js';
import { openEngine } from '../open.js';
import type { PassRecord } from '../pass-record.js';
import { type Call, errorReply, type Reply, type ThreadData } from './messages.js';

const { spec, options, tellsPasses } = workerData as ThreadData;
const reply = (message: Reply): void => parentPort?.postMessage(message);

try {
  // Told together before the next result: a message a pass would cost as much as a small pass.
  let passes: PassRecord[] = [];
  const onPass = tellsPasses ? (pass: PassRecord) => void passes.push(pass) : undefined;
  const tellPasses = () => {
    if (passes.length > 0) reply({ kind: 'passes', passes });
    passes = [];
  };
  const onNote = (note: string) => reply({ kind: 'note', note });
  const engine = await openEngine(spec, { ...options, onPass, onNote });
  const running = new Map<number, AbortController>();
  parentPort?.on('message', async (call: Call) => {
    const { id } = call;
    if (call.call === 'abort') return running.get(id)?.abort();
    const controller = new AbortController();
    running.set(id, controller);
    try {
      if (call.call === 'close') {
        await engine.close();
        parentPort?.unref();
        reply({ kind: 'result', id, result: null });
        return;
      }
      const { signal } = controller;
      const result =
        call.call === 'generate'
          ? await engine.generate({
              ...call.request,
              signal,
              onTokens: call.tellsTokens ? (ids, logProbs) => reply({ kind: 'tokens', id, ids, logProbs }) : undefined,
            })
          : await engine.score({ ...call.request, signal });
      tellPasses();
      reply({ kind: 'result', id, result });
    } catch (error) {
      tellPasses();
      reply(errorReply(id, asAttsError(error)));
    } finally {
      running.delete(id);
    }
  });
  reply({ kind: 'opened', model: engine.model, timeOrigin: performance.timeOrigin });
} catch (error) {
  reply(errorReply(null, asAttsError(error)));
}

function asAttsError(error: unknown): AttsError {
  if (error instanceof AttsError) return error;
  return new AttsError('engine', error instanceof Error ? error.message : String(error), { cause: error });
}
