import { readCached, writeCached } from '../../../src/user-cache.js';
import { setTuning, type Tuning, tiles } from '../../ops/linear/webgpu.js';
import { tune } from '../../ops/linear/webgpu-tune.js';
import { kernelHashes } from '../hashes.js';

const file = 'webgpu-tuning.json';

/** Takes what this adapter is known to be best at with these programs; else finds it out, and keeps it where it can. */
export async function tuned(adapter: string, isSoftware: boolean): Promise<void> {
  // Its compiler takes longer than there is to gain.
  if (isSoftware) return;
  const known = read();
  const key = `${kernelHashes.webgpu} ${adapter}`;
  if (isTuning(known[key])) {
    setTuning(known[key]);
    return;
  }
  const found = await tune();
  setTuning(found);
  writeCached(file, { ...read(), [key]: found });
}

function read(): Record<string, Tuning> {
  return (readCached(file) ?? {}) as Record<string, Tuning>;
}

function isTuning(found: Tuning | undefined): found is Tuning {
  return Number.isInteger(found?.mostFewRows) && tiles[found?.tile as number] !== undefined;
}
