import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Summary } from '../src/index.js';

/** Rows of text with a header row first, aligned for a terminal; it is Markdown as well. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join('\n');
}

export function accuracyText({ accuracy: { mean, ci95 } }: Summary): string {
  return `${(100 * mean).toFixed(1)} [${(100 * ci95[0]).toFixed(1)}, ${(100 * ci95[1]).toFixed(1)}]`;
}

/** Means a chain: tokens that the draft wrote, that were scored, that the target wrote. */
export function tokensPerChain({ tokens, chains }: Summary): [number, number, number] {
  const count = Math.max(1, chains.finished + chains.failed);
  return [tokens.draftGenerated / count, tokens.targetScored / count, tokens.targetGenerated / count];
}

/** Writes the files of an experiment into its folder. */
export function writeResults(out: string, files: Record<string, string>): void {
  mkdirSync(out, { recursive: true });
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(out, name), text.endsWith('\n') ? text : `${text}\n`);
}
