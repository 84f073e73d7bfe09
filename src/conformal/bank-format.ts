import { z } from 'zod';

/**
 * The one format of calibration scores on disk. A marginal bank is `turns[0]`; a per-turn (Mondrian) bank has one list
 * a turn; per-question lists sit beside them under the problem's id. Scores are mean nats per token. JSON is strict, so
 * infinite scores are the strings "Infinity" and "-Infinity"; NaN has no spelling, because a failed score is no score.
 */

export const BANK_SCHEMA = 'atts.bank/1';

const text = z.string().optional();
const number = z.number().optional();

/** How the scores were made: enough to tell whether a bank belongs to a run. */
export const bankProvenanceSchema = z.strictObject({
  draft: text,
  target: text,
  dataset: text,
  datasetHash: text,
  chunk: text,
  draftTokens: number,
  temperature: number,
  seed: number,
  prompt: text,
  policy: text,
});

export type BankProvenance = z.infer<typeof bankProvenanceSchema>;

const storedScore = z.union([z.number(), z.literal('Infinity'), z.literal('-Infinity')]).transform(Number);

export const bankFileSchema = z.strictObject({
  schema: z.literal(BANK_SCHEMA),
  provenance: bankProvenanceSchema,
  turns: z.array(z.array(storedScore)),
  questions: z.record(z.string(), z.array(storedScore)).optional(),
});

export interface BankFile {
  schema: typeof BANK_SCHEMA;
  provenance: BankProvenance;
  /** turns[t] = scores of turn t, 0-based. */
  turns: number[][];
  /** Scores of each problem's own first chunks, by problem id. */
  questions?: Record<string, number[]>;
}

/** A score as strict JSON spells it. */
export type StoredScore = number | 'Infinity' | '-Infinity';

export function storeScore(score: number): StoredScore {
  if (score === Number.POSITIVE_INFINITY) return 'Infinity';
  if (score === Number.NEGATIVE_INFINITY) return '-Infinity';
  return score;
}

/** What a schema found wrong first, on one line: where, then what. */
export function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0]!;
  const where = issue.path.length > 0 ? `${issue.path.map(String).join('.')}: ` : '';
  return `${where}${issue.message}`.replace(/\s+/g, ' ');
}
