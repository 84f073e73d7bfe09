/** The least count that a binomial(n, q) variable exceeds with probability at most `tail`. */
export function binomialUpper(n: number, q: number, tail: number): number {
  let logarithm = n * Math.log1p(-q);
  let above = 1 - Math.exp(logarithm);
  let count = 0;
  while (above > tail) {
    logarithm += Math.log(n - count) - Math.log(count + 1) + Math.log(q) - Math.log1p(-q);
    above -= Math.exp(logarithm);
    count++;
  }
  return count;
}

/** The greatest count that a binomial(n, q) variable falls short of with probability at most `tail`. */
export function binomialLower(n: number, q: number, tail: number): number {
  return n - binomialUpper(n, 1 - q, tail);
}
