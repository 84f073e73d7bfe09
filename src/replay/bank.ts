import { BANK_SCHEMA, type BankFile, readBankFile } from '../conformal/index.js';
import { AttsError } from '../errors.js';
import { readScoreArrays } from './score-array.js';
import { parsePythonJson, readTextFile } from './text-file.js';

/**
 * A bank that `atts calibrate` made, or bare scores: an array is a marginal bank, an object of arrays one a question.
 * @throws AttsError `io`, `run`, `score`; `run` for a bank without a score
 */
export async function readBank(path: string): Promise<BankFile> {
  const bank = isOurs(path) ? await readBankFile(path) : bankOfArrays(path);
  const lists = [...bank.turns, ...Object.values(bank.questions ?? {})];
  if (lists.every(({ length }) => length === 0)) throw new AttsError('run', `score bank ${path} holds no scores`);
  return bank;
}

function isOurs(path: string): boolean {
  if (path.endsWith('.npy')) return false;
  const value = parsePythonJson(readTextFile(path), path);
  return typeof value === 'object' && value !== null && 'schema' in value;
}

function bankOfArrays(path: string): BankFile {
  const arrays = readScoreArrays(path);
  const bank = { schema: BANK_SCHEMA, provenance: {} } as const;
  return 'all' in arrays ? { ...bank, turns: [arrays.all] } : { ...bank, turns: [], questions: arrays.questions };
}
