import { z } from 'zod';
import { bankProvenanceSchema } from './provenance.js';

/**
 * The one format of calibration scores on disk. A marginal bank is `turns[0]`; a per-turn (Mondrian) bank has one list
 * a turn; per-question lists stand under the problem's id. Scores are mean nats per token. JSON is strict, so infinite
 * scores are the strings "Infinity" and "-Infinity"; NaN has no spelling, because a failed score is no score.
 */

export const BANK_SCHEMA = 'atts.bank/1';

const storedScore = z.union([z.number(), z.literal('Infinity'), z.literal('-Infinity')]).transform(Number);
const scoreList = z.array(storedScore);

export const bankFileSchema = z
  .strictObject({
    schema: z.literal(BANK_SCHEMA),
    provenance: bankProvenanceSchema,
    /** turns[t] = scores of turn t, 0-based. */
    turns: z.array(scoreList),
    /** problems[t][i] = the problem that turns[t][i] is a score of. */
    problems: z.array(z.array(z.string())).optional(),
    /** Scores of each problem's own first chunks, by problem id. */
    questions: z.record(z.string(), scoreList).optional(),
  })
  .refine(
    ({ turns, problems }) =>
      problems === undefined ||
      (problems.length === turns.length && problems.every((own, turn) => own.length === turns[turn].length)),
    { path: ['problems'], message: 'not one problem for each score of turns' },
  );

export type BankFile = z.infer<typeof bankFileSchema>;

/** A list as the reference implementation writes it. NaN is read, so that its place can be told. */
export const bareListSchema = z.array(z.union([storedScore, z.literal('NaN').transform(Number)]));

/** Such lists by question. */
export const bareQuestionsSchema = z.record(z.string(), bareListSchema);

/** A score as strict JSON spells it. */
export type StoredScore = number | 'Infinity' | '-Infinity';

export function storeScore(score: number): StoredScore {
  if (score === Number.POSITIVE_INFINITY) return 'Infinity';
  if (score === Number.NEGATIVE_INFINITY) return '-Infinity';
  return score;
}

/** A bank as strict JSON holds it. */
export function storedBank({ schema, provenance, turns, problems, questions }: BankFile): object {
  return {
    schema,
    provenance,
    turns: turns.map((scores) => scores.map(storeScore)),
    problems,
    questions:
      questions &&
      Object.fromEntries(Object.entries(questions).map(([problem, scores]) => [problem, scores.map(storeScore)])),
  };
}

/** What a schema found wrong first, on one line: where, then what. */
export function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0]!;
  const where = issue.path.length > 0 ? `${issue.path.map(String).join('.')}: ` : '';
  return `${where}${issue.message}`.replace(/\s+/g, ' ');
}
