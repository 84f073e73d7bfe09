import { totalBytes } from '../profiler/pass-cost.js';
import type { LedgerFile } from '../runs/ledger-file.js';
import { hundredths, integer, number } from './format.js';
import { type Html, html } from './html.js';
import { profiledMethod, type ReportSource } from './source.js';

type Sum = LedgerFile['sums']['engine'][number];

interface Row {
  readonly of: string;
  readonly sum: Sum;
  /** Between the name and the rates. */
  readonly words?: readonly string[];
}

interface Table {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly first: string;
  readonly words?: readonly string[];
  readonly rows: readonly Row[];
  readonly isLong: boolean;
}

/** What the ops of a profiled run cost and reached, by phase, op, layer and turn; nothing where none was profiled. */
export function opsTables(source: ReportSource): Html[] {
  const method = profiledMethod(source);
  if (!method) return [];
  const { name, ledger } = method;
  const { sums } = ledger;
  const total = sums.engine.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0);
  const tables: Table[] = [
    {
      ...{ id: 'ops-phase', title: 'Phases', first: 'Phase', words: ['Passes', 'Rows a pass', 'Between ops, %'] },
      caption: `Forward passes of ${name} by model and phase: a pass decodes, scores, takes up a prompt, or scores and decodes side by side (mixed). Between ops: the share of the passes’ time that is none of an op’s.`,
      isLong: false,
      rows: sums.phase.map(({ phase, ...sum }) => {
        const { passes, rows, seconds, betweenSeconds } = ledger.models[sum.model]!.phases[phase]!;
        const between = betweenSeconds === null ? null : betweenSeconds / seconds;
        return {
          ...{ of: `${sum.model} ${phase}`, sum },
          words: [integer(passes), number(rows / passes), hundredths(between)],
        };
      }),
    },
    {
      ...{ id: 'ops-op', title: 'Ops', first: 'Op', words: ['Shape', 'Kept as'] },
      caption: `Ops of ${name}, all layers and phases together. The norm before a product is part of it; the shape leaves the rows of a pass out.`,
      isLong: false,
      rows: sums.op.map(({ op, ...sum }) => {
        const own = ledger.models[sum.model]!.ops.filter((one) => one.op === op);
        const dtypes = [...new Set(own.map(({ dtype }) => dtype))];
        return { of: `${sum.model} ${op}`, sum, words: [own[0].shape, dtypes.join(', ')] };
      }),
    },
    {
      ...{ id: 'ops-layer', title: 'Layers', first: 'Layer', isLong: true },
      caption: `Layers of both models of ${name}, all their ops and phases together; around the layers are embedding, last norm, head, sampling and log-probabilities.`,
      rows: sums.layer.map(({ layer, ...sum }) => ({
        ...{ of: `${sum.model} ${layer === null ? 'around' : layer}`, sum },
      })),
    },
  ];
  return [...tables.map((table) => (table.isLong ? folded(table, total) : tableOf(table, total))), turnTable(ledger)];
}

function tableOf({ title, caption, first, words = [], rows }: Table, total: number): Html {
  const head = [
    ...words,
    ...['Time, s', 'Share, %', 'GFLOP', 'GB', 'FLOP/byte', 'GFLOP/s', 'GB/s', 'Of the roof, %', 'Bound by'],
  ];
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of ${title.toLowerCase()}">
<table class="ops">
<caption><span>${caption}</span></caption>
<thead><tr><th scope="col">${first}</th>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${rows.map(({ of, sum, words: own = [] }) => {
  const { seconds, flops, intensity, gflops, gbytes, roofShare, bound } = sum;
  const cells = [
    ...own,
    ...[number(seconds), hundredths(seconds === null ? null : seconds / total), number(flops / 1e9)],
    ...[number(totalBytes(sum) / 1e9), number(intensity), number(gflops), number(gbytes), hundredths(roofShare), bound],
  ];
  return html`<tr><th scope="row">${of}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>\n`;
})}</tbody>
</table>
</div>`;
}

function folded(table: Table, total: number): Html {
  return html`<details><summary>${table.title}, ${integer(table.rows.length)} rows</summary>
${tableOf(table, total)}
</details>`;
}

function turnTable({ sums: { turn } }: LedgerFile): Html {
  const head = ['Model', 'Calls', 'Time, s', 'GFLOP', 'GB'];
  return html`<details><summary>Turns, ${integer(turn.length)} rows</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Table of turns">
<table class="ops">
<caption><span>Turns of the chains: operations are those of the turn’s calls; bytes and seconds, which the calls of a pass share, are dealt out by operations.</span></caption>
<thead><tr><th scope="col">Turn</th>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${turn.map(({ turn: of, model, calls, seconds, flops, bytes }) => {
  const cells = [model, integer(calls), number(seconds), number(flops / 1e9), number(bytes / 1e9)];
  return html`<tr><th scope="row">${of}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>\n`;
})}</tbody>
</table>
</div>
</details>`;
}
