/**
 * The paper's main table: methods × datasets, with accuracy, tokens by author, wall time, speed-up and rejection. What is
 * run stands in a file; every run resumes, so an interrupted table goes on where it was.
 *
 *   node dist/experiments/main-table.js experiments/main-table.json
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { z } from 'zod';
import { runConfigSchema, type Summary, writeReport } from '../src/index.js';
import { runMethod } from './run-method.js';
import { accuracyText, markdownTable, tokensPerChain, writeResults } from './table.js';

const settings = runConfigSchema.partial();
const planSchema = z.strictObject({
  out: z.string(),
  /** Settings of all runs. */
  common: settings,
  datasets: z.array(z.string()).min(1),
  /** Settings of each method, by its name in the table. Speed-ups are over `target-only` and `sync`. */
  methods: z.record(z.string(), settings),
});

const planFile = process.argv[2] ?? 'experiments/main-table.json';
const plan = JSON.parse(readFileSync(planFile, 'utf8'));
const { out, datasets } = planSchema.parse(plan);
// The raw settings: parsed ones would carry defaults that hide those of `common`.
const { common, methods } = plan as { common: object; methods: Record<string, object> };

interface Cell {
  readonly dataset: string;
  readonly method: string;
  readonly summary: Summary;
}
const cells: Cell[] = [];
for (const dataset of datasets) {
  for (const [method, own] of Object.entries(methods)) {
    const config = runConfigSchema.parse({ ...common, ...own, dataset });
    const directory = join(out, dataset.replace(/[^\w.-]+/g, '-'), method);
    const { summary } = await runMethod(config, `${dataset} ${method}`, directory);
    await writeReport(directory);
    cells.push({ dataset, method, summary });
    process.stderr.write(
      `${dataset} ${method}: ${accuracyText(summary)} %, ${summary.time.wallSeconds.toFixed(1)} s\n`,
    );
  }
}

const speedUp = (cell: Cell, baseline: string) => {
  const other = cells.find(({ dataset, method }) => dataset === cell.dataset && method === baseline);
  return other ? `${(other.summary.time.wallSeconds / cell.summary.time.wallSeconds).toFixed(2)}x` : '–';
};
const head = ['dataset', 'method', 'accuracy % [95 %]', 'draft', 'scored', 'target', 'rejected', 'wall s'];
const rows = cells.map((cell) => [
  ...[cell.dataset, cell.method, accuracyText(cell.summary)],
  ...tokensPerChain(cell.summary).map((tokens) => tokens.toFixed(0)),
  cell.summary.rejection?.overall.toFixed(3) ?? '–',
  cell.summary.time.wallSeconds.toFixed(1),
  ...[speedUp(cell, 'target-only'), speedUp(cell, 'sync')],
]);
const table = markdownTable([[...head, 'over target-only', 'over sync'], ...rows]);
process.stdout.write(`${table}\n\nTokens are means a chain. Each row is a run of its own, one after the other.\n`);
writeResults(out, {
  'main-table.md': table,
  'main-table.json': JSON.stringify({ schema: 'atts.experiment.main-table/1', plan, cells }, null, 2),
  'main-table.svg': await figure(),
});

/** Accuracy against wall time, a point a method, its interval as a line. */
function figure(): Promise<string> {
  const values = cells.map(({ dataset, method, summary: { accuracy, time } }) => ({
    ...{ dataset, method, seconds: time.wallSeconds, accuracy: 100 * accuracy.mean },
    ...{ low: 100 * accuracy.ci95[0], high: 100 * accuracy.ci95[1] },
  }));
  const x = { field: 'seconds', type: 'quantitative', title: 'wall time, seconds' } as const;
  const color = { field: 'method', type: 'nominal', title: null } as const;
  const spec: TopLevelSpec = {
    background: 'white',
    data: { values },
    facet: { column: { field: 'dataset', type: 'nominal', title: null } },
    spec: {
      width: 260,
      height: 200,
      layer: [
        {
          mark: { type: 'point', filled: true, size: 70 },
          encoding: {
            x,
            y: { field: 'accuracy', type: 'quantitative', title: 'accuracy, %', scale: { zero: false } },
            color,
          },
        },
        { mark: 'rule', encoding: { x, y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' }, color } },
      ],
    },
  };
  return new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}
