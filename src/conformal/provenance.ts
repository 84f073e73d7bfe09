import { z } from 'zod';

const text = z.string().optional();
const number = z.number().optional();

/** How the scores were made: enough to tell whether a bank belongs to a run. What is absent is unknown, or without influence. */
export const bankProvenanceSchema = z.strictObject({
  draft: text,
  target: text,
  dataset: text,
  datasetHash: text,
  chunk: text,
  draftTokens: number,
  temperature: number,
  topP: number,
  seed: number,
  prompt: text,
  /** From here on: what shapes the turns after the first, and is told of banks that have them. */
  policy: text,
  targetTokens: number,
  cue: text,
  rejectionRate: number,
  /** What differed between banks that were merged all the same. */
  forced: z.array(z.string()).optional(),
});

export type BankProvenance = z.infer<typeof bankProvenanceSchema>;

/** A field in which two provenances differ; undefined where one of them does not know. */
export interface ProvenanceDifference {
  readonly field: string;
  readonly values: readonly [string | number | undefined, string | number | undefined];
}

/** The fields that decide the law of a score. Seed and hash name the draw from that law, and differ between splits. */
type LawField = Exclude<keyof BankProvenance, 'seed' | 'datasetHash' | 'forced'>;
const lawFields = Object.keys(bankProvenanceSchema.shape).filter(
  (field) => !['seed', 'datasetHash', 'forced'].includes(field),
) as LawField[];

/**
 * Fields of two provenances that differ and decide the law of a score: each is a reason why the scores of one are not
 * exchangeable with those of the other. A field that one side lacks counts only if `strict`.
 */
export function provenanceDifferences(
  a: BankProvenance,
  b: BankProvenance,
  { strict = false } = {},
): ProvenanceDifference[] {
  return lawFields.flatMap((field) => {
    const values = [a[field], b[field]] as const;
    const isKnown = values.every((value) => value !== undefined);
    return values[0] !== values[1] && (strict || isKnown) ? [{ field, values }] : [];
  });
}

/** `draftTokens 32 ≠ 64, temperature 0.8 ≠ unknown` */
export function differencesText(differences: readonly ProvenanceDifference[]): string {
  return differences.map(({ field, values: [a, b] }) => `${field} ${a ?? 'unknown'} ≠ ${b ?? 'unknown'}`).join(', ');
}
