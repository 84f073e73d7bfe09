import type { Calibrator, Decision } from '../calibrator.js';
import { refuseNaN } from './static.js';

/**
 * The barrier's rule: of a group of m chunks the B = round(αm) with the worst (highest) scores are rejected.
 *
 * Assumption: none, not even a bank. Guarantee: exactly B of every m. What breaks it: small groups, since B/m is α only to
 * within 1/(2m); a group of one, as without a barrier, is rejected always (α ≥ ½) or never. It sees relative quality only:
 * a problem whose chunks are all good loses as many as one whose chunks are all bad.
 *
 * p is the chunk's place from the worst, over m: #{group ≥ score} / m where scores differ. Equal scores take places by
 * sample, ascending (a plain count would give them all one p, and B could not be kept). alpha is B/m.
 * Source: arXiv 2509.15148, budget B = α · samples.
 */
export function rankCalibrator(alpha: number): Calibrator {
  return {
    name: 'rank',
    decide(group): Decision[] {
      refuseNaN(group);
      const m = group.length;
      const budget = Math.round(alpha * m);
      const worstFirst = group
        .map((chunk, index) => ({ ...chunk, index }))
        // Compared, not subtracted: ∞ − ∞ is NaN.
        .sort((a, b) => (a.score === b.score ? a.sample - b.sample : a.score > b.score ? -1 : 1));
      const decisions = new Array<Decision>(m);
      worstFirst.forEach(({ index }, place) => {
        decisions[index] = { p: (place + 1) / m, alpha: budget / m, rejected: place < budget };
      });
      return decisions;
    },
    bound: () => null,
  };
}
