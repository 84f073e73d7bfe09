/**
 * Linear between the order statistics (Hyndman & Fan 1996, type 7); between a finite and an infinite one, the nearer.
 * @param sorted ascending, at least one value
 * @param q in [0, 1]
 */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = q * (sorted.length - 1);
  const index = Math.floor(at);
  const [below, above] = [sorted[index], sorted[Math.min(index + 1, sorted.length - 1)]];
  const rest = at - index;
  if (below === above) return below;
  return Number.isFinite(above - below) ? below + rest * (above - below) : rest < 0.5 ? below : above;
}

/** Of at least one value. */
export function median(values: readonly number[]): number {
  return quantile(Float64Array.from(values).sort(), 0.5);
}
