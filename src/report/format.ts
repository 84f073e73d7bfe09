/** Numbers as a reader wants them. What was not measured is an en dash. */
const nothing = '–';

/** No-break space: a number stays with its unit. */
const space = '\u00a0';

const isNumber = (value: number | null | undefined): value is number => Number.isFinite(value);

/** A share as `86.7 %`. */
export function percent(share: number | null, digits = 1): string {
  return isNumber(share) ? `${(100 * share).toFixed(digits)}${space}%` : nothing;
}

/** A share as `86.7`, under a heading that says %. */
export function hundredths(share: number | null | undefined, digits = 1): string {
  return isNumber(share) ? (100 * share).toFixed(digits) : nothing;
}

/** A 95 % interval of shares as `82–91`, in %. */
export function interval([low, high]: readonly [number, number], digits = 0): string {
  return `${hundredths(low, digits)}–${hundredths(high, digits)}`;
}

/** About three digits, never an exponent: `0.012`, `1.73`, `24.1`, `5,724`. */
export function number(value: number | null | undefined): string {
  if (!isNumber(value)) return nothing;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 0.0005) return `<${space}0.001`;
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function integer(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** A ratio as `1.8×`. */
export function times(ratio: number | null): string {
  return isNumber(ratio) ? `${ratio.toFixed(ratio < 10 ? 2 : 0)}×` : nothing;
}

/** A probability to three places, or below what three places show. */
export function probability(p: number | null): string {
  if (!isNumber(p)) return nothing;
  return p !== 0 && p < 0.001 ? '<\u00a00.001' : p.toFixed(3);
}

/** `1 chain`, `2 chains`. */
export function plural(count: number, noun: string): string {
  return `${integer(count)} ${noun}${count === 1 ? '' : 's'}`;
}
