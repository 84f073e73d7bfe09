import { totalBytes } from '../profiler/pass-cost.js';
import type { LedgerFile } from '../runs/ledger-file.js';
import { hundredths, integer, number } from './format.js';
import { type Html, html } from './html.js';
import { profiledMethod, type ReportSource } from './source.js';

type Sum = LedgerFile['sums']['engine'][number];

interface Table {
  readonly title: string;
  readonly caption: string;
  /** The first is what a row is of. */
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly isLong: boolean;
}

const rates = ['Time, s', 'Share, %', 'GFLOP', 'GB', 'FLOP/byte', 'GFLOP/s', 'GB/s', 'Of the roof, %', 'Bound by'];

/** What the ops of a profiled run cost and reached, by phase, op, layer and turn; nothing where none was profiled. */
export function opsTables(source: ReportSource): Html[] {
  const method = profiledMethod(source);
  if (!method) return [];
  const { name, ledger } = method;
  const { sums } = ledger;
  const total = sums.engine.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0);
  const tables: Table[] = [
    {
      ...{ title: 'Phases', head: ['Phase', 'Passes', 'Rows a pass', 'Between ops, %', ...rates] },
      caption: `Forward passes of ${name} by model and phase: a pass decodes, scores, takes up a prompt, or scores and decodes side by side (mixed). Between ops: the share of the passes’ time that is none of an op’s.`,
      isLong: false,
      rows: sums.phase.map(({ phase, ...sum }) => {
        const { passes, rows, seconds, betweenSeconds } = ledger.models[sum.model]!.phases[phase]!;
        const between = betweenSeconds === null ? null : betweenSeconds / seconds;
        const words = [integer(passes), number(rows / passes), hundredths(between)];
        return [`${sum.model} ${phase}`, ...words, ...ratesOf(sum, total)];
      }),
    },
    {
      ...{ title: 'Ops', head: ['Op', 'Shape', 'Kept as', ...rates] },
      caption: `Ops of ${name}, all layers and phases together. The norm before a product is part of it; the shape leaves the rows of a pass out.`,
      isLong: false,
      rows: sums.op.map(({ op, ...sum }) => {
        const own = ledger.models[sum.model]!.ops.filter((one) => one.op === op);
        const dtypes = [...new Set(own.map(({ dtype }) => dtype))];
        return [`${sum.model} ${op}`, own[0].shape, dtypes.join(', '), ...ratesOf(sum, total)];
      }),
    },
    {
      ...{ title: 'Layers', head: ['Layer', ...rates] },
      caption: `Layers of both models of ${name}, all their ops and phases together; around the layers are embedding, last norm, head, sampling and log-probabilities.`,
      isLong: true,
      rows: sums.layer.map(({ layer, ...sum }) => [`${sum.model} ${layer ?? 'around'}`, ...ratesOf(sum, total)]),
    },
    {
      ...{ title: 'Turns', head: ['Turn', 'Model', 'Calls', 'Time, s', 'GFLOP', 'GB'] },
      caption:
        'Turns of the chains: operations are those of the turn’s calls; bytes and seconds, which the calls of a pass share, are dealt out by operations.',
      isLong: true,
      rows: sums.turn.map(({ turn, model, calls, seconds, flops, bytes }) => [
        ...[String(turn), model, integer(calls)],
        ...[number(seconds), number(flops / 1e9), number(bytes / 1e9)],
      ]),
    },
  ];
  return tables.map(tableOf);
}

function ratesOf(sum: Sum, total: number): (string | null)[] {
  const { seconds, flops, intensity, gflops, gbytes, roofShare, bound } = sum;
  return [
    ...[number(seconds), hundredths(seconds === null ? null : seconds / total), number(flops / 1e9)],
    ...[number(totalBytes(sum) / 1e9), number(intensity), number(gflops), number(gbytes), hundredths(roofShare), bound],
  ];
}

function tableOf({ title, caption, head: [first, ...head], rows, isLong }: Table): Html {
  const table = html`<div class="scroll" tabindex="0" role="region" aria-label="Table of ${title.toLowerCase()}">
<table class="ops">
<caption><span>${caption}</span></caption>
<thead><tr><th scope="col">${first}</th>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${rows.map(
  ([of, ...cells]) => html`<tr><th scope="row">${of}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>\n`,
)}</tbody>
</table>
</div>`;
  if (!isLong) return table;
  return html`<details><summary>${title}, ${integer(rows.length)} rows</summary>
${table}
</details>`;
}
