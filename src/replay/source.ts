import { readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { AttsError } from '../errors.js';
import type { TimedChain } from '../profiler/barrier.js';
import { readRecords } from '../runs/directory.js';
import { readJsonl } from '../runs/jsonl.js';
import type { ModelCallEvent } from '../runs/records.js';
import { eventSchema } from '../runs/schemas.js';
import type { RecordedScore } from './recorded.js';
import { readEventsCsv, readSamplesCsv } from './reference-csv.js';
import { scoresOfProblemFiles, scoresOfTraces, timesOfProblemFiles, timesOfTraces } from './reference-json.js';
import { type ScoreArrays, scoreArraysOf } from './score-array.js';
import { parsePythonJson, readTextFile } from './text-file.js';

export interface ReadOptions {
  /** Chains a problem, which `problem_NNNN.json` does not tell. */
  readonly samples: number;
}

/** What a path holds, told by its name and its first words. */
type Source =
  | { layout: 'run' | 'events' | 'traces' | 'csv'; path: string }
  | { layout: 'problem files'; paths: string[] }
  | { layout: 'arrays'; arrays: ScoreArrays };

/**
 * Recorded scores, in the order recorded: a run directory or its `events.jsonl`, the reference implementation's
 * `problem_NNNN.json` (a folder of them or one), `traces.jsonl`, its events as CSV, or bare arrays of scores (turn 0).
 * @throws AttsError `io`, `run` or `score`, naming file, line or place, and what is wrong; `run` where there is no score
 */
export function readScoreStream(path: string, { samples }: ReadOptions): RecordedScore[] {
  const scores = scoresOf(sourceAt(path), samples);
  if (scores.length === 0) throw new AttsError('run', `${path} holds no scores`);
  return scores;
}

function scoresOf(source: Source, samples: number): RecordedScore[] {
  switch (source.layout) {
    case 'run':
    case 'events':
      return eventsOf(source).flatMap(({ kind, problem, sample, turn, score }) =>
        kind === 'score' && score !== null ? [{ problem, sample, turn, score, percentile: null }] : [],
      );
    case 'traces':
      return scoresOfTraces(source.path);
    case 'csv':
      return readEventsCsv(source.path);
    case 'problem files':
      return scoresOfProblemFiles(source.paths, samples);
    case 'arrays':
      return scoresOfArrays(source.arrays);
  }
}

function scoresOfArrays(arrays: ScoreArrays): RecordedScore[] {
  const lists = 'all' in arrays ? [['0', arrays.all] as const] : Object.entries(arrays.questions);
  return lists.flatMap(([problem, scores]) =>
    scores.map((score, sample) => ({ problem, sample, turn: 0, score, percentile: null })),
  );
}

export interface RecordedTimes {
  readonly chains: TimedChain[];
  /** Whether each turn's time is on record, or only the chain's, which is then dealt out evenly over its turns. */
  readonly turnTimes: 'recorded' | 'split evenly';
}

/**
 * Chains with the seconds of their turns: a run directory or its `events.jsonl` (model calls alone, without the time in
 * queues and at barriers), `problem_NNNN.json`, `traces.jsonl`, or the reference's samples as CSV.
 * @throws AttsError as `readScoreStream`
 */
export function readChainTimes(path: string, { samples }: ReadOptions): RecordedTimes {
  const source = sourceAt(path);
  if (source.layout === 'arrays') throw new AttsError('run', `${path} holds scores, not durations`);
  const chains = timesOf(source, samples);
  if (chains.length === 0) throw new AttsError('run', `${path} holds no chains`);
  const isRecorded = source.layout === 'run' || source.layout === 'events';
  return { chains, turnTimes: isRecorded ? 'recorded' : 'split evenly' };
}

function timesOf(source: Exclude<Source, { layout: 'arrays' }>, samples: number): TimedChain[] {
  switch (source.layout) {
    case 'run':
    case 'events':
      return timesOfEvents(eventsOf(source));
    case 'traces':
      return timesOfTraces(source.path);
    case 'csv':
      return readSamplesCsv(source.path);
    case 'problem files':
      return timesOfProblemFiles(source.paths, samples);
  }
}

/** Chains by problem and sample, each turn the sum of its model calls. */
function timesOfEvents(events: readonly ModelCallEvent[]): TimedChain[] {
  const chains = new Map<string, { problem: string; sample: number; turns: number[] }>();
  for (const { problem, sample, turn, started, finished } of events) {
    const key = JSON.stringify([problem, sample]);
    const chain = chains.get(key) ?? { problem, sample, turns: [] };
    chains.set(key, chain);
    while (chain.turns.length <= turn) chain.turns.push(0);
    chain.turns[turn] += (finished - started) / 1000;
  }
  return [...chains.values()].sort((a, b) => a.sample - b.sample);
}

function eventsOf({ layout, path }: { layout: string; path: string }): readonly ModelCallEvent[] {
  return layout === 'run' ? readRecords(path).events : readJsonl(path, eventSchema);
}

function sourceAt(path: string): Source {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new AttsError('io', `${path} does not exist`);
  if (found.isDirectory()) return sourceInFolder(path);
  switch (extname(path)) {
    case '.csv':
      return { layout: 'csv', path };
    case '.jsonl':
      return sourceInLines(path);
    case '.json':
      return sourceInJson(path);
    default:
      throw new AttsError('run', `${path} is none of .csv, .jsonl, .json or a folder`);
  }
}

function sourceInFolder(path: string): Source {
  const names = readdirSync(path);
  if (names.includes('run.json')) return { layout: 'run', path };
  const paths = names.filter((name) => /^problem_\d+\.json$/.test(name)).map((name) => join(path, name));
  if (paths.length > 0) return { layout: 'problem files', paths };
  throw new AttsError('run', `${path} holds neither a run (run.json) nor problem_NNNN.json`);
}

function sourceInLines(path: string): Source {
  const [first] = readTextFile(path).split('\n', 1);
  if (/"turns": *\[/.test(first)) return { layout: 'traces', path };
  if (first === '' || /"kind": *"/.test(first)) return { layout: 'events', path };
  if (/"chunks": *\[/.test(first)) {
    throw new AttsError('run', `${path} lists chains without their calls; give its folder, or events.jsonl`);
  }
  throw new AttsError('run', `${path}:1 is neither a model call of ours ("kind") nor a trace ("turns")`);
}

function sourceInJson(path: string): Source {
  const value = parsePythonJson(readTextFile(path), path);
  const isProblem = typeof value === 'object' && value !== null && 'full_history' in value;
  return isProblem
    ? { layout: 'problem files', paths: [path] }
    : { layout: 'arrays', arrays: scoreArraysOf(value, path) };
}
