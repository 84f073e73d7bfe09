import { createHash } from 'node:crypto';
import { basename, extname, join } from 'node:path';
import { generateProblems, type Split } from '../../../models/abacus/generator.js';
import { abacusFolder } from '../../../models/abacus/paths.js';
import { AttsError } from '../../errors.js';
import type { Dataset, Problem } from '../problem.js';
import { columnNames, problemOf } from './columns.js';
import { readRows } from './rows.js';
import { hubFile, type NamedSet, namedSets, sourceOf } from './sources.js';
import { type Parts, repeatedQuestions, setAside, withoutTest } from './split.js';

export interface DatasetOptions {
  /** First so many problems of the split; null = all (of generated ones, 400). More than there are is all. */
  readonly limit?: number | null;
  /** Seed of generated problems and of the order of options; the split does not depend on it. */
  readonly seed?: number;
  /** Which problems: those to evaluate on, or those that calibration scores are drawn from. */
  readonly split?: Split;
  /**
   * Of a set without a calibration split of its own, at most so many problems (and at most a third) make one, and are
   * not in `test`. Null: `test` is the whole set and there is no calibration split. Give it to both calls or to neither:
   * then no question is in both.
   */
  readonly calibrationProblems?: number | null;
}

const generatedCount = 400;

/** What `--dataset` takes. */
export const availableDatasets = `${['abacus', 'abacus:generated', ...Object.keys(namedSets)].join(', ')}, a path to a .jsonl, .json, .csv or .parquet file, or NAME=PATH`;

/**
 * Loads a data set: `abacus` (embedded, 400 problems a split), `abacus:generated` (fresh problems by seed), one by name
 * from the hub's cache or the hub, one by name from a file (`gsm8k=test.jsonl`), or a path to JSON lines, a JSON array,
 * CSV or Parquet. Missing ids are positions in the file, from 0.
 * @throws AttsError `dataset`, one line with file and line
 */
export async function loadDataset(spec: string, options: DatasetOptions = {}): Promise<Dataset> {
  const { limit = null, seed = 0, split = 'test', calibrationProblems = null } = options;
  const { parts, ...about } = await partsOf(spec, split, seed, limit ?? generatedCount, calibrationProblems);
  const all = parts[split];
  const problems = limit === null ? all : all.slice(0, limit);
  if (problems.length === 0) {
    const cure = 'it is too small to set problems aside, or none were asked for; calibrate on the test or by a bank';
    throw new AttsError('dataset', `${spec} has no ${split} split: ${split === 'test' ? 'no problems' : cure}`);
  }
  const notes = notesOf(parts, problems, calibrationProblems !== null && about.isCut);
  return {
    ...{ name: nameOf(spec), problems, hash: hashOf(problems) },
    ...(about.source ? { source: about.source } : {}),
    ...(notes.length > 0 ? { notes } : {}),
  };
}

interface LoadedParts extends Pick<Dataset, 'source'> {
  readonly parts: Parts;
  /** The calibration split was cut out of the set. */
  readonly isCut: boolean;
}

/** Of a set whose splits are apart, the wanted one alone is read. */
async function partsOf(
  spec: string,
  split: Split,
  seed: number,
  count: number,
  aside: number | null,
): Promise<LoadedParts> {
  const alone = (problems: Problem[]) => ({
    parts: { test: [], calibration: [], [split]: problems },
    isCut: false,
  });
  if (spec === 'abacus') {
    const problems = await readProblems(join(abacusFolder, 'problems', `${split}.jsonl`), seed);
    return alone(split === 'test' ? problems : calibrating(problems));
  }
  if (spec === 'abacus:generated') {
    return alone(generateProblems({ seed, count, split }).map(({ id, problem, answer }) => ({ id, problem, answer })));
  }
  const { set, name, path } = readSpec(spec);
  if (set === null) return cut(await readProblems(path as string, seed), aside);
  const problems = await readProblems(path ?? (await hubFile(name, set, set.file)), seed);
  const source =
    path === null ? sourceOf(set, [set.file, ...(set.calibrationFile ? [set.calibrationFile] : [])]) : undefined;
  if (set.rows) return { parts: selected(spec, problems, set.rows), source, isCut: false };
  if (set.calibrationFile === undefined || path !== null) return { ...cut(problems, aside), source };
  if (split === 'test') return { ...alone(problems), source };
  const others = await readProblems(await hubFile(name, set, set.calibrationFile), seed);
  return { ...alone(calibrating(withoutTest(others, problems))), source };
}

/** `NAME`, `NAME=PATH` or `PATH`. */
function readSpec(spec: string): { set: NamedSet | null; name: string; path: string | null } {
  if (Object.hasOwn(namedSets, spec)) return { set: namedSets[spec], name: spec, path: null };
  const [, name, path] = /^([a-z0-9:]+)=(.+)$/.exec(spec) ?? [];
  if (name !== undefined && Object.hasOwn(namedSets, name)) return { set: namedSets[name], name, path };
  if (name !== undefined || !isPath(spec)) {
    throw new AttsError('dataset', `unknown dataset '${name ?? spec}': use ${availableDatasets}`);
  }
  return { set: null, name: spec, path: spec };
}

function cut(problems: readonly Problem[], aside: number | null): LoadedParts {
  return { parts: aside === null ? { test: problems, calibration: [] } : setAside(problems, aside), isCut: true };
}

/** Some rows are the set, in the order given; what remains, without their questions, is its calibration split. */
function selected(spec: string, problems: readonly Problem[], rows: readonly number[]): Parts {
  const missing = rows.find((row) => row >= problems.length);
  if (missing !== undefined) {
    throw new AttsError(
      'dataset',
      `${spec}: its file has ${problems.length} problems, and the set needs number ${missing}`,
    );
  }
  const test = rows.map((row) => problems[row]);
  return { test, calibration: withoutTest(problems, test) };
}

/** Both files count from 0; ids name random streams, which calibration must not share with the test. */
const calibrating = (problems: readonly Problem[]) =>
  problems.map((problem) => ({ ...problem, id: `calibration-${problem.id}` }));

function notesOf({ test, calibration }: Parts, problems: readonly Problem[], isCut: boolean): string[] {
  const repeated = repeatedQuestions(problems);
  return [
    isCut && calibration.length > 0
      ? `${calibration.length} of ${test.length + calibration.length} problems are set aside for calibration and not evaluated`
      : '',
    repeated.length > 0
      ? `${repeated.length} question${repeated.length > 1 ? 's are' : ' is'} asked more than once, the first as problems ${repeated[0].join(' and ')}`
      : '',
  ].filter((note) => note !== '');
}

function isPath(spec: string): boolean {
  return /[/\\]/.test(spec) || /^\.[a-z]+$/i.test(extname(spec));
}

function nameOf(spec: string): string {
  const name = spec.split('=')[0];
  if (Object.hasOwn(namedSets, name)) return name;
  return isPath(spec) ? basename(spec, extname(spec)) : spec;
}

/** SHA-256 of the problems as JSON without spaces, keys in alphabetical order. */
function hashOf(problems: readonly Problem[]): string {
  const canonical = JSON.stringify(
    problems.map(({ answer, choices, id, problem }) => ({ answer, choices: choices?.texts, id, problem })),
  );
  return createHash('sha256').update(canonical).digest('hex');
}

async function readProblems(path: string, seed: number): Promise<Problem[]> {
  const rows = await readRows(path, columnNames);
  if (rows.length === 0) throw new AttsError('dataset', `${path}: no problems in the file`);
  const places = new Map<string, string>();
  return rows.map((row, index) => {
    const problem = problemOf(row, index, seed);
    const earlier = places.get(problem.id);
    if (earlier !== undefined) {
      throw new AttsError('dataset', `${row.where}: id '${problem.id}' is already that of ${earlier}; ids must differ`);
    }
    places.set(problem.id, row.where);
    return problem;
  });
}
