/** The thread in which chat templates run. */
import { type MessagePort, workerData } from 'node:worker_threads';
import { Template } from '@huggingface/jinja';
import type { RenderAnswer, RenderRequest } from './chat-template.js';

const { state, port } = workerData as { state: Int32Array; port: MessagePort };

port.on('message', (request: RenderRequest) => {
  port.postMessage(answer(request));
  signal();
});
signal();

function answer({ template, variables }: RenderRequest): RenderAnswer {
  try {
    return { text: new Template(template).render(variables) };
  } catch (cause) {
    return { error: cause instanceof Error ? cause.message : String(cause) };
  }
}

function signal(): void {
  Atomics.store(state, 0, 1);
  Atomics.notify(state, 0);
}
