/** What passes take as a function of what is in them, learned from passes that ran. */
import type { PassRows } from './pass-cost.js';

/** Seconds of a pass: of the pass itself, a row, a row sampled from, a row scored, a cached token that a row attends to. */
export type PassCoefficients = readonly number[];

function features({ sequences, sampled, scored }: PassRows): number[] {
  let [rows, seen] = [0, 0];
  for (const sequence of sequences) {
    rows += sequence.rows;
    seen += sequence.rows * sequence.cached + (sequence.rows * (sequence.rows + 1)) / 2;
  }
  return [1, rows, sampled, scored, seen];
}

export function passSeconds(coefficients: PassCoefficients, pass: PassRows): number {
  return features(pass).reduce((sum, feature, i) => sum + feature * coefficients[i], 0);
}

/**
 * Least squares with coefficients of at least 0 (a pass with more in it takes no less), a pass weighing one over its
 * rows. Takes passes one by one and keeps only their normal equations.
 */
export class PassFit {
  private readonly products = Array.from({ length: 5 }, () => new Float64Array(5));
  private readonly moments = new Float64Array(5);

  add(pass: PassRows, seconds: number): void {
    const x = features(pass);
    const weight = 1 / x[1];
    for (let i = 0; i < x.length; i++) {
      this.moments[i] += weight * x[i] * seconds;
      for (let j = 0; j < x.length; j++) this.products[i][j] += weight * x[i] * x[j];
    }
  }

  /** By coordinate descent, which cannot leave the constraint (Franc, Hlaváč & Navara 2005). Zeros without a pass. */
  coefficients(): PassCoefficients {
    const { products, moments } = this;
    const x = moments.map(() => 0);
    for (let sweep = 0; sweep < 5000; sweep++) {
      for (let i = 0; i < x.length; i++) {
        if (products[i][i] === 0) continue;
        const others = products[i].reduce((sum, product, j) => (j === i ? sum : sum + product * x[j]), 0);
        x[i] = Math.max(0, (moments[i] - others) / products[i][i]);
      }
    }
    return [...x];
  }
}
