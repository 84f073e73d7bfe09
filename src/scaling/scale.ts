import { join } from 'node:path';
import { backendNote } from '../../kernels/backends/automatic.js';
import { writeFileAtomic } from '../atomic-file.js';
import { type BankFile, type Calibrator, diagnose } from '../conformal/index.js';
import type { Engine } from '../engine/engine.js';
import { AttsError } from '../errors.js';
import { workOf } from '../profiler/ledger.js';
import { sumLedgers } from '../profiler/ledger-sums.js';
import type { PassSample } from '../profiler/pass-series.js';
import { traceOf } from '../profiler/trace.js';
import type { RunConfig } from '../runs/config.js';
import { decisionsOf } from '../runs/decisions.js';
import { RunDirectory } from '../runs/directory.js';
import { writeLedger } from '../runs/ledger-file.js';
import { type ChainRecord, chainKey, type ModelCallEvent, type Summary } from '../runs/records.js';
import { shardOf } from '../runs/shard.js';
import { summarise } from '../runs/summary.js';
import { type Grader, openGrader } from '../tasks/grader.js';
import type { Dataset, Problem } from '../tasks/problem.js';
import { openPrompt } from '../tasks/prompts.js';
import { Chain, type ChainContext } from './chain.js';
import type { RunProfile } from './engines.js';
import { manifestOf } from './manifest.js';
import { accuracyOf, rejectionOf } from './metrics.js';
import { openCalibrator, replayDecisions } from './open-calibrator.js';
import { promptsOf } from './prompt.js';
import { runAsync } from './schedules/async.js';
import type { ScheduleOptions } from './schedules/schedule.js';
import { runSync } from './schedules/sync.js';
import type { Prompts } from './transcripts/transcript.js';

export interface Progress {
  readonly phase: 'calibrate' | 'chains';
  readonly done: number;
  readonly total: number;
  /** Tokens generated so far by this process. */
  readonly tokens: number;
}

export interface ScaleOptions {
  readonly config: RunConfig;
  /** Not needed by `target-only`. */
  readonly draft?: Engine;
  /** Not needed by `draft-only`. */
  readonly target?: Engine;
  /** All problems, also where a shard runs only a part of them. */
  readonly dataset: Dataset;
  /** Where calibration scores are drawn from, unless a bank is given or the rule needs none. */
  readonly calibrationDataset?: Dataset;
  /** Scores drawn before; overrides `config.bank`. */
  readonly bank?: BankFile;
  /** Run directory, made or resumed; null keeps the run in memory. */
  readonly out?: string | null;
  /** Goes into the summary, unless an earlier process has done a part of the run. */
  readonly profile?: RunProfile;
  readonly onProgress?: (progress: Progress) => void;
  /** Hears in a line what the user should know of the run and nothing else tells. */
  readonly onNote?: (note: string) => void;
  readonly signal?: AbortSignal;
}

export interface ScaleResult {
  readonly summary: Summary;
  readonly chains: readonly ChainRecord[];
  readonly events: readonly ModelCallEvent[];
}

/**
 * Runs one method over a dataset: opens or resumes the run directory, calibrates if need be, runs the chains on the
 * schedule, and sums up.
 * @throws AttsError where the run as a whole cannot go on; what is finished is on disk and the same call resumes
 */
export async function scale(options: ScaleOptions): Promise<ScaleResult> {
  const { config, dataset } = options;
  const problems = shardOf(dataset.problems, config.shard);
  const draft = config.method === 'target-only' ? null : needed(options.draft, 'draft');
  const target = config.method === 'draft-only' ? null : needed(options.target, 'target');
  const grade = await openGrader();
  const directory = options.out ? RunDirectory.open(options.out, manifestOf(options, draft, target)) : null;
  /** To the user, and for the record. */
  const tell = (note: string) => {
    directory?.note(note);
    options.onNote?.(note);
  };
  try {
    for (const note of dataset.notes ?? []) tell(note);
    const calibrator = await openCalibrator(options, directory, tell);
    const note = backendNote(config.backend, backendsOf(draft, target));
    if (note) directory?.note(note);
    const chains = [...(directory?.finished ?? [])];
    const events = [...(directory?.events ?? [])];
    replayDecisions(calibrator, events);
    // What an earlier process did of the run was not counted by this one.
    const profile = events.length === 0 ? options.profile : undefined;
    profile?.restart();
    const state = { problems, draft, target, calibrator, grade, directory, chains, events };
    const { wallSeconds, records, origin } = await runChains(options, state);
    const models = profile?.ledgers();
    const summary = summarise({
      ...{ config, chains, events, wallSeconds, dataset: dataset.name, problems: problems.length },
      accuracy: accuracyOf(problems, chains, config, grade),
      rejection: rejectionOf(diagnose(decisionsOf(events), { alpha: config.rejectionRate }), calibrator),
      work: profile && models ? workOf(Object.values(models), profile.roofs) : null,
    });
    if (profile && models && directory) {
      const { roofs } = profile;
      const sums = sumLedgers(models, events);
      writeLedger(directory.path, { schema: 'atts.ledger/2', roofs, models, sums, records });
      writeFileAtomic(
        join(directory.path, 'trace.json'),
        `${JSON.stringify(traceOf(events, sinceBegin(profile.passes(), origin)))}\n`,
      );
    }
    directory?.writeSummary(summary);
    return { summary, chains, events };
  } finally {
    directory?.close();
  }
}

function backendsOf(...engines: readonly (Engine | null)[]): string[] {
  return engines.flatMap((engine) => (engine ? [engine.model.backend] : []));
}

interface RunState {
  readonly problems: readonly Problem[];
  readonly draft: Engine | null;
  readonly target: Engine | null;
  readonly calibrator: Calibrator | null;
  readonly grade: Grader;
  readonly directory: RunDirectory | null;
  readonly chains: ChainRecord[];
  readonly events: ModelCallEvent[];
}

/**
 * @returns wall time of the run so far, earlier processes included, and what recording the chains took, seconds; when the
 *   run's clock was at 0, on that of `performance.now()`
 */
async function runChains(
  options: ScaleOptions,
  state: RunState,
): Promise<{ wallSeconds: number; records: { chains: number; seconds: number }; origin: number }> {
  const { config, onProgress, signal } = options;
  const { problems, draft, target, calibrator, grade, directory, chains, events } = state;
  const origin = performance.now() - (directory?.elapsed ?? 0);
  const clock = (time: number) => time - origin;
  const total = problems.length * config.samples;
  let tokens = 0;
  const report = () => onProgress?.({ phase: 'chains', done: chains.length, total, tokens });
  const context: ChainContext = {
    ...{ config, draft, target, clock, grade, signal, keyPrefix: '' },
    recordEvent(event) {
      events.push(event);
      directory?.recordEvent(event);
      if (event.kind !== 'score') tokens += event.tokens;
      report();
    },
  };
  const ask = openPrompt(config.prompt);
  const prompts = new Map<number, Prompts>();
  const promptsAt = (problem: number): Prompts => {
    const known = prompts.get(problem) ?? promptsOf(problems[problem], draft, target, ask);
    prompts.set(problem, known);
    return known;
  };
  const finished = new Set(chains.map(chainKey));
  const pending = problems.flatMap(({ id }, problem) =>
    Array.from({ length: config.samples }, (_, sample) => ({ problem, sample })).filter(
      ({ sample }) => !finished.has(chainKey({ problem: id, sample })),
    ),
  );
  const schedule: ScheduleOptions = {
    chains: pending,
    concurrency: config.concurrency,
    decide: (group) => (calibrator as Calibrator).decide(group),
    async run(problem, sample, pace) {
      if (signal?.aborted) {
        pace.leave();
        throw new AttsError('run', 'interrupted');
      }
      const chain = await new Chain(context, problems[problem], sample, promptsAt(problem), pace).run();
      const from = performance.now();
      directory?.recordChain(chain);
      records.chains++;
      records.seconds += (performance.now() - from) / 1000;
      chains.push(chain);
      report();
    },
  };
  const records = { chains: 0, seconds: 0 };
  report();
  await (config.schedule === 'sync' && config.method === 'atts' ? runSync(schedule) : runAsync(schedule));
  const wall = pending.length > 0 ? clock(performance.now()) : (directory?.elapsed ?? 0);
  return { wallSeconds: wall / 1000, records, origin };
}

/** Passes on the run's clock. */
function sinceBegin(passes: ReturnType<RunProfile['passes']>, origin: number): typeof passes {
  const shifted = (samples: readonly PassSample[]) => samples.map((one) => ({ ...one, started: one.started - origin }));
  return Object.fromEntries(Object.entries(passes).map(([role, samples]) => [role, shifted(samples)]));
}

function needed(engine: Engine | undefined, role: string): Engine {
  if (engine) return engine;
  throw new AttsError('usage', `this method needs a ${role} model; give --${role}`);
}
