/**
 * Does our grader agree with the verdicts recorded by the reference implementation (`correct_norm` of its samples)? The
 * recorded final answers are held against the recorded gold answers as they stand, `invalid` being none, and every answer
 * that we grade otherwise is listed with a judgement of who is right, made by hand. The exit code is 1 where one is not
 * judged yet or where we are wrong.
 *
 * With --math, also: every gold answer of the data sets in that folder equals itself, boxed in a sentence too, and the
 * pairs of different gold answers of a set that our rules take for the same, all of them.
 *
 *   node dist/experiments/grading.js [--reference ../shared/data/reference] [--math ../shared/data/math] [--out runs/grading]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'csv-parse/sync';
import { groupBy } from '../src/group-by.js';
import { extractAnswer, loadDataset, openGrader } from '../src/index.js';
import { markdownTable, writeResults } from './table.js';

const { values } = parseArgs({
  options: {
    reference: { type: 'string', default: '../shared/data/reference' },
    math: { type: 'string' },
    out: { type: 'string', default: 'runs/grading' },
  },
});

interface Sample {
  readonly question: string;
  readonly final_answer: string;
  readonly gold: string;
  readonly correct_norm: string;
}

/** Who is right, by gold answer and what the answers have in common. */
const judgements: readonly { gold: string; answers: RegExp; right: 'ours' | 'recorded'; why: string }[] = [
  { gold: '12', answers: /^12(th|\^)/, right: 'ours', why: 'asked for a grade: the 12th is 12' },
  { gold: '-2,1', answers: /^1, -2$/, right: 'ours', why: 'the same solutions, in another order' },
  { gold: '28800', answers: /5!/, right: 'ours', why: '2 · 120 · 120 = 28800' },
  { gold: '.0000672', answers: /^0\.0000/, right: 'ours', why: 'another terminating decimal than the one asked for' },
  { gold: '5r^5', answers: /^5r\^\{5\}$/, right: 'ours', why: 'braces of one digit' },
  { gold: '18+2\\pi', answers: /π/, right: 'ours', why: 'the letter π' },
  { gold: '2k+2', answers: /^2 \+ 2k$/, right: 'ours', why: 'order of terms' },
  { gold: '4343_6', answers: /six/, right: 'ours', why: 'the base in words' },
  { gold: '\\frac{\\sqrt{3}}{3}', answers: /^\\\(/, right: 'ours', why: 'delimiters of mathematics inside the box' },
  { gold: '5', answers: /centimeters/, right: 'ours', why: 'a unit besides' },
  { gold: '4343_6', answers: /\{6$/, right: 'ours', why: 'cut at a brace: doubtful, and so not equal' },
  {
    gold: '\\frac{8}{15}',
    answers: /\n/,
    right: 'ours',
    why: 'a command torn in two by a line break: doubtful, and so not equal',
  },
];

const read = (name: string) => readFileSync(join(values.reference, name), 'utf8');
const goldOf = new Map(
  (JSON.parse(read('gold_math100.json')) as { question_index: number; gold: string }[]).map(
    ({ question_index, gold }) => [String(question_index), gold],
  ),
);

const isCorrect = await openGrader();
const lines: string[] = [];
let [unjudged, wrong] = [0, 0];
for (const name of ['two_raw', 'self_opt', 'fork_v2sys_b0.05']) {
  const samples = parse(read(`${name}.samples.csv`), { columns: true }) as Sample[];
  const strange = samples.filter(({ question, gold }) => goldOf.get(question) !== gold).length;
  const began = performance.now();
  const differing = samples.filter((sample) => ours(sample) !== (sample.correct_norm === '1'));
  const each = (performance.now() - began) / samples.length;
  const rows = [...groupBy(differing, ({ question, final_answer }) => `${question} ${final_answer}`).values()].map(
    (own) => {
      const { question, final_answer, gold } = own[0];
      const judgement = judgements.find((one) => one.gold === gold && one.answers.test(final_answer));
      if (!judgement) unjudged++;
      if (judgement?.right === 'recorded') wrong++;
      const [recorded, mine] = ours(own[0]) ? ['wrong', 'right'] : ['right', 'wrong'];
      const shown = `\`${final_answer.replace(/\n/g, '↵')}\``;
      const why = judgement ? [judgement.right, judgement.why] : ['NOT JUDGED', ''];
      return [question, shown, `\`${gold}\``, String(own.length), recorded, mine, ...why];
    },
  );
  const agreeing = samples.length - differing.length;
  const accuracy = (right: (sample: Sample) => boolean) =>
    `${((100 * samples.filter(right).length) / samples.length).toFixed(2)} %`;
  lines.push(
    `${name}: ${agreeing.toLocaleString('en')} of ${samples.length.toLocaleString('en')} verdicts agree (${((100 * agreeing) / samples.length).toFixed(2)} %); ` +
      `right ${accuracy(({ correct_norm }) => correct_norm === '1')} as recorded, ${accuracy(ours)} by our rules; ` +
      `${each.toFixed(2)} ms an answer${strange > 0 ? `; ${strange} gold answers are NOT those of gold_math100.json` : ''}`,
    '',
    markdownTable([['question', 'answer', 'gold', 'chains', 'recorded', 'ours', 'right is', 'why'], ...rows]),
    '',
  );
}

function ours({ final_answer, gold }: Sample): boolean {
  return isCorrect(final_answer === 'invalid' ? null : final_answer, gold);
}

if (values.math !== undefined) {
  for (const name of readdirSync(values.math).filter((file) => file.endsWith('.jsonl'))) {
    const golds = [...new Set((await loadDataset(join(values.math, name))).problems.map(({ answer }) => answer))];
    const own = golds.filter((gold) => !isCorrect(extractAnswer(`The answer is $\\boxed{${gold}}$.`), gold));
    const equal = golds.flatMap((a, i) =>
      golds.slice(i + 1).flatMap((b) => (isCorrect(a, b) ? [`\`${a}\` and \`${b}\``] : [])),
    );
    wrong += own.length;
    const pairs = (golds.length * (golds.length - 1)) / 2;
    lines.push(
      `${name}: ${golds.length} distinct gold answers, ${own.length} of which are not themselves in a box; of ${pairs.toLocaleString('en')} pairs ${equal.length} are the same${equal.length > 0 ? `: ${equal.join(', ')}` : ''}`,
    );
  }
  lines.push('');
}

const text = lines.join('\n');
process.stdout.write(text);
writeResults(values.out, { 'grading.md': text });
process.exitCode = unjudged > 0 || wrong > 0 ? 1 : 0;
