import { type BankFile, inspectBank, type ScoreListInspection } from '../../../index.js';
import { percent, table } from '../../format.js';

/** Questions shown one by one; of more, the table would hide the rest. */
const SHOWN_QUESTIONS = 12;

/** A bank as a table: a line a turn or question, then what was found and how the scores were made. */
export function describeBank(bank: BankFile): string {
  const { provenance, turns, questions } = inspectBank(bank);
  const lists = [
    ...turns.map(({ turn, ...list }) => [`turn ${turn}`, list] as const),
    ...(questions ?? [])
      .slice(0, SHOWN_QUESTIONS)
      .map(({ problem, ...list }) => [`question ${problem}`, list] as const),
  ];
  const head = [
    '',
    'scores',
    'distinct',
    'problems',
    'resolution',
    'min',
    '5 %',
    '25 %',
    'median',
    '75 %',
    '95 %',
    'max',
  ];
  const hidden = (questions?.length ?? 0) - SHOWN_QUESTIONS;
  const known = Object.entries(provenance).map(([field, value]) => `${field} ${value}`);
  return [
    table([head, ...lists.map(([name, list]) => [name, ...cells(list)])]),
    ...(hidden > 0 ? [`… and ${hidden} questions more (--json shows all)`] : []),
    ...lists.filter(([, { alarm }]) => alarm).map(([name, list]) => duplicatesText(name, list)),
    `drawn: ${known.length > 0 ? known.join(', ') : 'the file does not tell how'}`,
  ].join('\n');
}

function cells({ scores, distinct, problems, resolution, quantiles }: ScoreListInspection): string[] {
  const { min, q05, q25, median, q75, q95, max } = quantiles ?? {};
  return [
    ...[String(scores), String(distinct), problems === null ? '–' : String(problems), resolution.toPrecision(2)],
    ...[min, q05, q25, median, q75, q95, max].map((score) => (score === undefined ? '–' : Number(score).toFixed(4))),
  ];
}

function duplicatesText(name: string, { share, expected }: ScoreListInspection): string {
  return `${name}: ${percent(share)} of the scores repeat another (continuous scores: ${expected.toPrecision(2)} in all): greedy sampling, colliding seeds or very short chunks`;
}
