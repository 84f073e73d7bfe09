import { setTimeout } from 'node:timers/promises';
import { version_core } from '@tensorflow/tfjs-core';
import { median } from '../../statistics/index.js';

/** ratio over 1: ours is better. */
export interface PeerResult {
  readonly peer: string;
  readonly version: string;
  readonly threads: number;
  readonly case: string;
  readonly ours: number;
  readonly theirs: number;
  readonly unit: string;
  readonly ratio: number;
}

export type Subject = Pick<PeerResult, 'peer' | 'version' | 'threads' | 'case'>;

const pairs = 5;

/** Milliseconds between turns: threads of the side that is done spin for a while in case there is more to do. */
const rest = 100;

/** Both sides are compiled while they run: milliseconds that each runs before it is timed. */
const warmUp = 500;

async function warm(side: () => Promise<number>): Promise<void> {
  const started = performance.now();
  do await side();
  while (performance.now() - started < warmUp);
}

/** Medians of `pairs` turns of each side, after a while that is not counted. */
export async function sideBySide(
  subject: Subject,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<PeerResult> {
  const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  const turn = (side: () => Promise<number>) => setTimeout(rest).then(side);
  await warm(ours);
  await warm(theirs);
  for (let pair = 0; pair < pairs; pair++) {
    const [own, other] = [await turn(ours), await turn(theirs)];
    times.ours.push(own);
    times.theirs.push(other);
  }
  const [own, other] = [median(times.ours), median(times.theirs)];
  process.stderr.write(`${subject.peer}: ${subject.case}\n`);
  return { ...subject, ours: own, theirs: other, unit: 'ms', ratio: other / own };
}

export const tfjsWasm = { peer: '@tensorflow/tfjs-backend-wasm', version: version_core, threads: 1 };
