import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CommandModule } from 'yargs';
import { loadRunDataset, openJudge, type Regrade, readRun, regrade, writeRegrade, writeReport } from '../../index.js';
import { percent, table } from '../format.js';
import { jsonFlag } from '../json-flag.js';
import { warn } from '../progress.js';
import { interruptible } from '../session.js';

export const gradeCommand: CommandModule = {
  command: 'grade <directory>',
  describe: 'Grade the answers of a run again; list every verdict that changes',
  builder: (cli) =>
    cli
      .positional('directory', { type: 'string', demandOption: true })
      .option('judge', {
        ...{ type: 'string', requiresArg: true },
        describe: 'Ask a model where the rules say wrong: openai+http://host:port/v1#model (key: OPENAI_API_KEY)',
      })
      .option('dataset', { type: 'string', requiresArg: true, describe: "The run's data set, where it has moved" })
      .option('write', { type: 'boolean', default: false, describe: 'Write the verdicts, summary and report' })
      .option('json', jsonFlag),
  async handler(argv) {
    const path = argv.directory as string;
    const judge = argv.judge === undefined ? undefined : openJudge(argv.judge as string, process.env.OPENAI_API_KEY);
    const run = readRun(path);
    const { config } = run.manifest;
    const spec = (argv.dataset as string | undefined) ?? config.dataset;
    const dataset = await loadRunDataset({ ...config, dataset: spec }, 'test');
    const result = await interruptible('nothing was written', (signal) => regrade(run, dataset, { judge, signal }));
    if (result.judge && result.judge.failed > 0) {
      const { failed, asked, error } = result.judge;
      warn(`${failed} of ${asked} answers have no verdict of the judge and count as wrong (${error})`);
    }
    if (argv.write) {
      writeRegrade(run, result);
      await writeReport(path);
      const comparison = join(dirname(path), 'compare.json');
      if (existsSync(comparison)) warn(`${comparison} holds the summary of before; run its atts compare again`);
    }
    const { before, after, changed } = result;
    const document = { schema: 'atts.grade/1', before, after, changed, judge: result.judge, written: argv.write };
    process.stdout.write(
      `${argv.json ? JSON.stringify(document, null, 2) : describe(result, path, argv.write === true)}\n`,
    );
  },
};

function describe({ before, after, changed, judge, chains }: Regrade, path: string, written: boolean): string {
  const row = (name: string, cell: (accuracy: Regrade['after']) => string) => [name, cell(before), cell(after)];
  const interval = (value: number, ci95?: readonly [number, number]) =>
    `${percent(value)}${ci95 ? ` [${ci95.map((bound) => (100 * bound).toFixed(1)).join(', ')}]` : ''}`;
  const largest = Object.keys(after.passAt).pop() as string;
  const answer = (text: string | null) => (text === null ? '–' : text.replace(/\s+/g, ' '));
  const verdict = ({ correct, grader }: { correct: boolean; grader: string }) =>
    `${correct ? 'right' : 'wrong'}${grader === 'judge' ? ' (judge)' : ''}`;
  return [
    table([
      ['accuracy [95 %]', 'on record', 'graded again'],
      row('mean@1', ({ mean, ci95 }) => interval(mean, ci95)),
      row(`pass@${largest}`, ({ passAt, passAtCi95 }) => interval(passAt[largest], passAtCi95?.[largest])),
      row(`maj@${largest}`, ({ majAt, majAtCi95 }) => interval(majAt[largest], majAtCi95?.[largest])),
    ]),
    '',
    ...(changed.length > 0
      ? [
          table([
            ['problem', 'sample', 'gold', 'answer', 'on record', 'graded again'],
            ...changed.map(({ problem, sample, gold, before: was, after: is }) => [
              ...[problem, String(sample), answer(gold), answer(is.answer), verdict(was), verdict(is)],
            ]),
          ]),
          '',
        ]
      : []),
    `${changed.length} of ${chains.length} chains change`,
    ...(judge ? [`judge asked about ${judge.asked} answers, ${judge.failed} without a verdict`] : []),
    written ? `written   ${path}` : 'nothing written (--write does)',
  ].join('\n');
}
