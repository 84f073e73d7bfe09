import { open, readFile, rename, rm } from 'node:fs/promises';
import { AttsError } from '../errors.js';
import { ScoreBank } from './bank.js';
import { BANK_SCHEMA, type BankFile, bankFileSchema, firstIssue, storeScore } from './bank-format.js';

/** @throws AttsError `io` for a file that cannot be read, `run` for one that is not a score bank. */
export async function readBankFile(path: string): Promise<BankFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new AttsError(
      'io',
      missing
        ? `score bank ${path} does not exist; make one with atts calibrate`
        : `score bank ${path} cannot be read: ${reason(cause)}`,
      { cause },
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AttsError('run', `score bank ${path} is not strict JSON; make it anew with atts calibrate`, { cause });
  }
  const parsed = bankFileSchema.safeParse(value);
  if (!parsed.success) {
    throw new AttsError('run', `score bank ${path} is not ${BANK_SCHEMA}: ${firstIssue(parsed.error)}`);
  }
  return parsed.data;
}

/**
 * Writes the whole file or nothing: a reader sees the old bank or the new one, never a torn one.
 * @throws AttsError `score` for a NaN score, `io` for a path that cannot be written.
 */
export async function writeBankFile(path: string, file: BankFile): Promise<void> {
  const lists = [...file.turns, ...Object.values(file.questions ?? {})];
  if (lists.some((scores) => scores.some(Number.isNaN))) {
    throw new AttsError('score', `score bank ${path} would hold a NaN score; leave failed scores out`);
  }
  const stored = {
    schema: BANK_SCHEMA,
    provenance: file.provenance,
    turns: file.turns.map((scores) => scores.map(storeScore)),
    ...(file.questions === undefined
      ? {}
      : {
          questions: Object.fromEntries(
            Object.entries(file.questions).map(([problem, scores]) => [problem, scores.map(storeScore)]),
          ),
        }),
  };
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(`${JSON.stringify(stored)}\n`);
      // Without the sync a crash soon after the rename could leave the new name on an empty file.
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new AttsError('io', `score bank ${path} cannot be written: ${reason(cause)}`, { cause });
  }
}

/** The banks of a file, ready for `makeCalibrator`. */
export function banksOf(file: BankFile): { turns: ScoreBank[]; questions?: Map<string, ScoreBank> } {
  const turns = file.turns.map((scores) => new ScoreBank(scores, file.provenance));
  if (file.questions === undefined) return { turns };
  const questions = new Map<string, ScoreBank>();
  for (const [problem, scores] of Object.entries(file.questions)) {
    questions.set(problem, new ScoreBank(scores, file.provenance));
  }
  return { turns, questions };
}

function reason(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, ' ');
}
