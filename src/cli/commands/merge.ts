import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CommandModule } from 'yargs';
import { AttsError, type MergeOptions, mergeShards, type Summary, writeFileAtomic, writeReport } from '../../index.js';
import { accuracyText, percent, table } from '../format.js';
import { jsonFlag } from '../json-flag.js';
import { type ComparedMethod, comparedMethods } from './compare.js';

export const mergeCommand: CommandModule = {
  command: 'merge <runs..>',
  describe: 'Join the shards of a run, or of a comparison, into one directory',
  builder: (cli) =>
    cli
      .positional('runs', { type: 'string', array: true, demandOption: true, describe: 'Directories of all shards' })
      .option('out', { type: 'string', demandOption: true, requiresArg: true, describe: 'Directory to make' })
      .option('dataset', { type: 'string', requiresArg: true, describe: "The run's data set, where it has moved" })
      .option('json', jsonFlag),
  async handler(argv) {
    const runs = argv.runs as string[];
    const out = argv.out as string;
    const options: MergeOptions = { dataset: argv.dataset as string | undefined };
    const isComparison = existsSync(join(runs[0], 'compare.json'));
    const document = isComparison ? await mergeComparisons(runs, out, options) : await mergeShards(runs, out, options);
    const report = await writeReport(out);
    if (argv.json) {
      process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    } else {
      const summaries = 'methods' in document ? document.methods : { [document.method]: document };
      const places = [`record  ${out}`, `report  ${report}`];
      process.stdout.write([mergedTable(summaries), '', ...places, ''].join('\n'));
    }
  },
};

interface Comparison {
  readonly schema: 'atts.compare/1';
  readonly methods: Partial<Record<ComparedMethod, Summary>>;
}

/** Method by method, whole or not at all. */
async function mergeComparisons(runs: readonly string[], out: string, options: MergeOptions): Promise<Comparison> {
  if (existsSync(out)) throw new AttsError('config', `${out} exists; choose another --out`);
  const missing = runs.find((run) => !existsSync(join(run, 'compare.json')));
  if (missing) throw new AttsError('config', `${missing} is not a finished comparison, as ${runs[0]} is`);
  const folder = `${resolve(out)}.${process.pid}.tmp`;
  try {
    const methods: Comparison['methods'] = {};
    const present = runs.flatMap((run) => readdirSync(run));
    for (const method of comparedMethods.filter((name) => present.includes(name))) {
      const shards = runs.map((run) => join(run, method));
      methods[method] = await mergeShards(shards, join(folder, method), options);
    }
    const comparison: Comparison = { schema: 'atts.compare/1', methods };
    writeFileAtomic(join(folder, 'compare.json'), `${JSON.stringify(comparison, null, 2)}\n`);
    renameSync(folder, out);
    return comparison;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function mergedTable(summaries: Partial<Record<string, Summary>>): string {
  const rows = Object.entries(summaries).flatMap(([method, summary]) => {
    if (!summary) return [];
    const { problems, samples, rejection, time, shards } = summary;
    return [
      [
        ...[method, accuracyText(summary), `${problems} × ${samples}`, rejection ? percent(rejection.overall) : '–'],
        ...[String(shards), time.wallSeconds.toFixed(1)],
      ],
    ];
  });
  return table([['method', 'accuracy [95 %]', 'problems × samples', 'rejected', 'shards', 'longest s'], ...rows]);
}
