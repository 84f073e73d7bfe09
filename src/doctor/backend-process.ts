/** The child's side of a backend's self-test: a driver that crashes takes this process with it, not the doctor's. */
import type { BackendName } from '../../kernels/backends/names.js';
import { type SelfTest, selfTest } from './self-test.js';

/** What the parent hears, once. */
export type SelfTestAnswer = { readonly result: SelfTest } | { readonly error: string };

const answer = (message: SelfTestAnswer) => process.send?.(message, () => process.exit());
try {
  answer({ result: await selfTest(process.argv[2] as BackendName) });
} catch (error) {
  answer({ error: error instanceof Error ? error.message : String(error) });
}
