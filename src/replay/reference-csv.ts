import { AttsError } from '../errors.js';
import type { TimedChain } from '../profiler/barrier.js';
import { type CsvRow, numberCell, readCsv, wholeCell } from './csv.js';
import { checkedPercentile, checkedPerplexity, evenly } from './record-values.js';
import type { RecordedScore } from './recorded.js';

/** Tables made of the reference implementation's records: one row an event, one row a chain. */

const eventColumns = [
  'sample',
  'question',
  'turn',
  'attempt',
  'kind',
  'ppl',
  'percentile',
  'accepted',
  'chars',
  'has_box',
];
const sampleColumns = ['sample', 'question', 'duration_s', 'turns'];

/** Rows that always hold a score; a `draft` does where the draft model scores itself before it goes on. */
const scoreKinds = ['eval_ppl', 'self_ppl'];
/** Model calls without a score, answers taken without a look at their rank, and chains that took over another's text. */
const otherKinds = ['small', 'eval_generate', 'self_continue', 'draft_answer', 'fork'];

/** Scores in the order of the rows. @throws AttsError `io`, `run`, `score`, naming file and line */
export function readEventsCsv(path: string): RecordedScore[] {
  return readCsv(path, eventColumns).filter(holdsScore).map(scoreOfRow);
}

function holdsScore({ where, cells: { kind, ppl } }: CsvRow): boolean {
  if (scoreKinds.includes(kind)) return true;
  if (kind === 'draft') return ppl !== '';
  if (otherKinds.includes(kind)) return false;
  const known = [...scoreKinds, 'draft', ...otherKinds].join(', ');
  throw new AttsError('run', `${where}: kind is ${JSON.stringify(kind)}, none of ${known}`);
}

function scoreOfRow(row: CsvRow): RecordedScore {
  return {
    problem: String(wholeCell(row, 'question')),
    sample: wholeCell(row, 'sample'),
    turn: wholeCell(row, 'turn'),
    score: checkedPerplexity(numberCell(row, 'ppl'), row.where),
    percentile: checkedPercentile(numberCell(row, 'percentile'), row.where),
  };
}

/** Chains in the order of the rows, each one's duration dealt out evenly over its turns. */
export function readSamplesCsv(path: string): TimedChain[] {
  return readCsv(path, sampleColumns).map((row) => {
    const [seconds, turns] = [numberCell(row, 'duration_s'), wholeCell(row, 'turns')];
    return { problem: String(wholeCell(row, 'question')), turns: evenly(seconds, turns, row.where) };
  });
}
