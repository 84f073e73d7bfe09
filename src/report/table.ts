import type { Summary } from '../runs/records.js';
import { hundredths, integer, interval, number, plural, times } from './format.js';
import { mainMethod } from './headline.js';
import { type Html, html } from './html.js';
import { differingSettings } from './settings.js';
import { chainCount, findMethod, type MethodName, type MethodRun, type ReportSource } from './source.js';

interface Column {
  readonly title: string;
  readonly cell: (method: MethodRun) => string;
}

interface Group {
  readonly title: string;
  readonly columns: readonly Column[];
}

/** Every method, a row each, with what it got right and what that took. */
export function comparisonSection(source: ReportSource): Html {
  const groups = columnGroups(source);
  const columns = groups.flatMap((group) => group.columns.map((column, index) => ({ ...column, opens: index === 0 })));
  const main = mainMethod(source);
  return html`<section aria-labelledby="comparison">
<h2 id="comparison">${source.isComparison ? 'Comparison' : 'Result'}</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Table of methods">
<table class="methods">
<caption><span>${tableCaption(source)}</span></caption>
<thead>
<tr><td></td>${groups.map(({ title, columns: { length } }) => html`<th scope="colgroup" colspan="${length}" class="opens">${title}</th>`)}</tr>
<tr><th scope="col">Method</th>${columns.map(({ title, opens }) => html`<th scope="col"${opening(opens)}>${title}</th>`)}</tr>
</thead>
<tbody>
${source.methods.map(
  (method) =>
    html`<tr data-method="${method.name}"${source.isComparison && method === main ? html` class="main"` : null}><th scope="row">${method.name}</th>${columns.map(({ cell, opens }) => html`<td${opening(opens)}>${cell(method)}</td>`)}</tr>\n`,
)}</tbody>
</table>
</div>
${notes(source).map((note) => html`<p class="note">${note}</p>\n`)}</section>`;
}

const opening = (opens: boolean): Html | null => (opens ? html` class="opens"` : null);

function columnGroups(source: ReportSource): Group[] {
  const accuracy = (cell: (accuracy: Summary['accuracy']) => string): Column['cell'] => {
    return ({ summary }) => cell(summary.accuracy);
  };
  const perChain = (value: (summary: Summary) => number): Column['cell'] => {
    return ({ summary }) => number(value(summary) / chainCount(summary));
  };
  const tokens = (kind: 'draftGenerated' | 'targetScored' | 'targetGenerated'): Column['cell'] => {
    return ({ summary }) => integer(summary.tokens[kind] / chainCount(summary));
  };
  const largest = Math.max(
    ...source.methods.flatMap(({ summary }) => Object.keys(summary.accuracy.passAt).map(Number)),
  );
  const k = largest > 0 && Number.isFinite(largest) ? String(largest) : '1';
  const groups: Group[] = [
    {
      title: 'Right, %',
      columns: [
        { title: 'mean@1', cell: accuracy(({ mean }) => hundredths(mean)) },
        { title: '95 % interval', cell: accuracy(({ ci95 }) => interval(ci95, 1)) },
        { title: `pass@${k}`, cell: accuracy(({ passAt }) => hundredths(passAt[k])) },
        { title: `maj@${k}`, cell: accuracy(({ majAt }) => hundredths(majAt[k])) },
      ],
    },
    {
      title: 'Tokens a chain',
      columns: [
        { title: 'draft', cell: tokens('draftGenerated') },
        { title: 'scored', cell: tokens('targetScored') },
        { title: 'target', cell: tokens('targetGenerated') },
      ],
    },
    {
      title: 'Rejected, %',
      columns: [
        { title: 'realised', cell: ({ summary }) => hundredths(summary.rejection?.overall) },
        { title: 'wanted', cell: ({ summary }) => hundredths(summary.rejection?.wanted) },
      ],
    },
    {
      title: 'Waits, s a chain',
      columns: [
        { title: 'barriers', cell: perChain(({ time }) => time.syncWaitSeconds) },
        { title: 'queue', cell: perChain(({ time }) => time.queueWaitSeconds) },
      ],
    },
    {
      title: 'Time',
      columns: [
        { title: 'wall, s', cell: ({ summary }) => number(summary.time.wallSeconds) },
        { title: 'chains/s', cell: ({ summary }) => number(summary.throughput.chainsPerSecond) },
      ],
    },
  ];
  const overs = (['target-only', 'sync'] as const).filter((name) => source.isComparison && findMethod(source, name));
  if (overs.length > 0) {
    groups.push({
      title: 'Speed-up over',
      columns: overs.map((name) => ({ title: name, cell: speedUpOver(source, name) })),
    });
  }
  return groups;
}

function speedUpOver(source: ReportSource, name: MethodName): Column['cell'] {
  const baseline = findMethod(source, name)?.summary.time.wallSeconds ?? Number.NaN;
  return ({ summary }) => times(summary.time.wallSeconds > 0 ? baseline / summary.time.wallSeconds : null);
}

function tableCaption({ methods, isComparison }: ReportSource): string {
  const { problems, samples, dataset } = methods[0].summary;
  const what = `${dataset}, ${plural(problems, 'problem')} × ${plural(samples, 'sample')}`;
  return isComparison
    ? `${what}. Same problems, seeds, token budget and machine, one method after the other.`
    : `${what}.`;
}

function notes(source: ReportSource): string[] {
  const differing = source.isComparison ? differingSettings(source) : [];
  const told = differing.length > 0 ? [`Not like for like: the methods differ in ${differing.join(', ')}.`] : [];
  const sizes = new Set(source.methods.map(({ summary }) => `${summary.problems} ${summary.samples}`));
  if (sizes.size > 1) told.push('Not like for like: the methods ran different numbers of chains.');
  for (const { name, summary, run } of source.methods) {
    const { failed, unanswered } = summary.chains;
    if (failed > 0) {
      const cause = run.chains.find(({ status }) => status === 'failed')?.error;
      told.push(
        `${name}: ${plural(failed, 'chain')} failed and count as wrong${cause ? ` (first cause: ${cause})` : ''}.`,
      );
    }
    if (unanswered > 0)
      told.push(`${name}: ${plural(unanswered, 'chain')} ended without an answer and count as wrong.`);
  }
  return told;
}
