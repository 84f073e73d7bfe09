import { hundredths, interval } from './format.js';
import { type Html, html } from './html.js';
import type { MethodRun, ReportSource } from './source.js';

type Accuracy = MethodRun['summary']['accuracy'];

const measures: readonly {
  readonly name: string;
  readonly means: (accuracy: Accuracy) => Readonly<Record<string, number>>;
  readonly intervals: (accuracy: Accuracy) => Readonly<Record<string, readonly [number, number]>>;
}[] = [
  { name: 'pass@k', means: ({ passAt }) => passAt, intervals: ({ passAtCi95 }) => passAtCi95 ?? {} },
  { name: 'maj@k', means: ({ majAt }) => majAt, intervals: ({ majAtCi95 }) => majAtCi95 ?? {} },
];

/** pass@k and maj@k of every method with their 95 % intervals; null where there is one chain a problem. */
export function accuracyTable({ methods }: ReportSource): Html | null {
  const all = methods.flatMap(({ summary: { accuracy } }) => [accuracy.passAt, accuracy.majAt].flatMap(Object.keys));
  const ks = [...new Set(all.map(Number))].sort((a, b) => a - b);
  if (ks.length < 2) return null;
  const cell = (mean?: number, ci95?: readonly [number, number]) =>
    `${hundredths(mean)}${ci95 ? ` (${interval(ci95)})` : ''}`;
  const rows = methods.flatMap(({ name, summary: { accuracy } }) =>
    measures.map(({ name: measure, means, intervals }) => {
      const cells = ks.map((k) => cell(means(accuracy)[k], intervals(accuracy)[k]));
      return html`<tr><th scope="row">${name}</th><td class="word">${measure}</td>${cells.map((text) => html`<td>${text}</td>`)}</tr>\n`;
    }),
  );
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of accuracy by number of chains">
<table class="evidence">
<caption><span>Right problems, %, when k chains of each are taken: pass@k, at least one is right; maj@k, the majority of the first k is. In brackets 95 % intervals, made by resampling problems.</span></caption>
<thead><tr><th scope="col">Method</th><th scope="col">Measure</th>${ks.map((k) => html`<th scope="col">k = ${String(k)}</th>`)}</tr></thead>
<tbody>
${rows}</tbody>
</table>
</div>`;
}
