import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTuning, type Tuning } from '../../ops/linear/webgpu.js';
import { tune } from '../../ops/linear/webgpu-tune.js';

/** Changes with the programs, so that what was found out for others is found out anew. */
const version = 1;

const cacheFolder = () => process.env.XDG_CACHE_HOME || join(homedir(), '.cache');

/** Takes what this adapter is known to be best at; else finds it out and keeps it, where there is a place to. */
export async function tuned(adapter: string): Promise<void> {
  const file = join(cacheFolder(), 'atts', 'webgpu-tuning.json');
  const known = read(file);
  const key = `${version} ${adapter}`;
  if (isTuning(known[key])) {
    setTuning(known[key]);
    return;
  }
  const found = await tune();
  setTuning(found);
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify({ ...read(file), [key]: found }, null, 2)}\n`);
  } catch {
    // Without a cache folder every process finds it out for itself.
  }
}

function read(file: string): Record<string, Tuning> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, Tuning>;
  } catch {
    return {};
  }
}

function isTuning(found: Tuning | undefined): found is Tuning {
  return Number.isInteger(found?.mostFewRows) && [16, 32, 64].includes(found?.tileRows as number);
}
