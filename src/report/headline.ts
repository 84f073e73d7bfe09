import { integer, interval, number, percent } from './format.js';
import { chainCount, findMethod, type MethodRun, type ReportSource } from './source.js';

/** The method a report is about: ours before its baselines. */
export function mainMethod(source: ReportSource): MethodRun {
  return findMethod(source, 'async') ?? findMethod(source, 'sync') ?? source.methods[source.methods.length - 1];
}

/** The result in one sentence. */
export function resultSentence(source: ReportSource): string {
  const main = mainMethod(source);
  const { summary } = main;
  const clauses = [writingClause(source, main)];
  for (const baseline of ['target-only', 'sync'] as const) {
    const other = findMethod(source, baseline);
    if (other && other !== main) clauses.push(`${speedText(other, main)} ${baseline}`);
  }
  if (clauses.length === 1) clauses.push(`${number(summary.throughput.chainsPerSecond)} chains a second`);
  return `${methodTitle(main)}: ${accuracyText(main)} with ${clauses.join(', ')}.`;
}

/** What the result is to be held against, in one sentence; null where there is nothing. */
export function baselineSentence(source: ReportSource): string | null {
  const main = mainMethod(source);
  const others = source.methods.filter((method) => method !== main);
  if (others.length === 0) return null;
  return `For comparison: ${others.map((other) => `${methodTitle(other)} ${accuracyText(other)}`).join(', ')}.`;
}

export function methodTitle({ name }: MethodRun): string {
  return name === 'sync' || name === 'async' ? `${name} ATTS` : name;
}

function accuracyText({ summary: { accuracy } }: MethodRun): string {
  return `${percent(accuracy.mean)} (${interval(accuracy.ci95)})`;
}

function writingClause(source: ReportSource, { summary }: MethodRun): string {
  const baseline = findMethod(source, 'target-only')?.summary;
  const written = summary.tokens.targetGenerated;
  if (baseline && baseline !== summary && baseline.tokens.targetGenerated > 0) {
    const share = written / chainCount(summary) / (baseline.tokens.targetGenerated / chainCount(baseline));
    return `${percent(share, 0)} of the target’s writing`;
  }
  const tokens = summary.method === 'draft-only' ? summary.tokens.draftGenerated : written;
  const author = summary.method === 'draft-only' ? 'draft' : 'target';
  return `${integer(tokens / chainCount(summary))} ${author} tokens a chain`;
}

/** How much less or more wall time a method took than a baseline. */
function speedText(baseline: MethodRun, method: MethodRun): string {
  const ratio = baseline.summary.time.wallSeconds / method.summary.time.wallSeconds;
  if (!Number.isFinite(ratio) || ratio <= 0) return 'at a speed not measured against';
  const factor = (ratio >= 1 ? ratio : 1 / ratio).toFixed(1);
  if (factor === '1.0') return 'as fast as';
  return `${factor}× ${ratio > 1 ? 'faster' : 'slower'} than`;
}
