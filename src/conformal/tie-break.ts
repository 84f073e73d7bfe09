import { createHash } from 'node:crypto';
import type { ScoredChunk } from './calibrator.js';

/** The uniform number of the smoothed p-value: of the seed and the chunk's place only, never of the order of decisions. */
export function tieBreak(seed: number, { problem, sample, turn }: ScoredChunk): number {
  const digest = createHash('sha256')
    .update(JSON.stringify(['tie', seed, problem, sample, turn]))
    .digest();
  return digest.readUInt32LE(0) / 2 ** 32;
}
