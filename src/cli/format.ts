import type { Summary } from '../index.js';

export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;

export function accuracyText({ accuracy: { mean, ci95 } }: Summary): string {
  return `${percent(mean)} [${(100 * ci95[0]).toFixed(1)}, ${(100 * ci95[1]).toFixed(1)}]`;
}

/** A table with aligned columns: the first left, the others right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  const rule = widths.map((width) => '─'.repeat(width)).join('──');
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join('\n');
}

/** `4.2 MB`, `1.31 GB`. */
export function bytesText(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
