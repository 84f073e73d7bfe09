import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BackendName } from '../../kernels/backends/names.js';
import type { SelfTestAnswer } from './backend-process.js';
import { type SelfTest, tolerance } from './self-test.js';

/** A backend on this machine: what its self-test found, or why it cannot be used and what would change that. */
export type BackendState =
  | ({ readonly name: BackendName; readonly state: 'passed' | 'failed' } & SelfTest)
  | { readonly name: BackendName; readonly state: 'unusable'; readonly why: string };

const longest = 120_000;

/** Runs the self-test of a backend in a process of its own. */
export function testBackend(name: BackendName): Promise<BackendState> {
  const file = fileURLToPath(new URL('./backend-process.js', import.meta.url));
  const child = fork(file, [name], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], timeout: longest });
  return new Promise((resolve) => {
    const unusable = (why: string) => resolve({ name, state: 'unusable', why });
    child.on('message', (answer: SelfTestAnswer) => {
      if ('error' in answer) unusable(answer.error);
      else resolve({ name, state: answer.result.largestError <= tolerance ? 'passed' : 'failed', ...answer.result });
    });
    child.on('error', ({ message }) => unusable(message));
    // After an answer this changes nothing.
    child.on('exit', (code, signal) =>
      unusable(
        child.killed
          ? `its self-test did not end in ${longest / 1000} s; try again when the machine is idle`
          : `its process ended (${signal ?? `exit code ${code}`})`,
      ),
    );
  });
}
