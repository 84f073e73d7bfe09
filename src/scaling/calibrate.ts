import { BANK_SCHEMA, type BankFile } from '../conformal/bank-format.js';
import type { ScoredChunk } from '../conformal/calibrator.js';
import { makeCalibrator } from '../conformal/calibrators/index.js';
import type { BankProvenance } from '../conformal/provenance.js';
import type { Engine } from '../engine/engine.js';
import { AttsError } from '../errors.js';
import type { RunConfig } from '../runs/config.js';
import type { ChainRecord } from '../runs/records.js';
import { shardOf } from '../runs/shard.js';
import type { Dataset, Problem } from '../tasks/problem.js';
import { openPrompt, readPromptFile } from '../tasks/prompts.js';
import { Chain, type ChainContext } from './chain.js';
import { promptsOf } from './prompt.js';
import { inParallel } from './schedules/schedule.js';
import { lockStep } from './schedules/sync.js';

export interface CalibrateOptions {
  readonly config: RunConfig;
  readonly draft: Engine;
  readonly target: Engine;
  /** The calibration split; for `per-question` the evaluated problems themselves. */
  readonly dataset: Dataset;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Draws the scores that a run's chunks are compared with. Random numbers are those of roles of their own, so that a
 * calibration chunk is never the one that is judged later.
 * - `marginal` and the rules that learn: first draft chunks of the calibration problems.
 * - `per-question`: the same of each evaluated problem of the shard. All other banks are those of the whole run.
 * - `per-turn`: whole calibration chains in lock-step, where at each turn the worst α of that turn's own scores are
 *   rejected: the scores of turn t then have the law that the rule meets at turn t.
 */
export async function buildBanks(options: CalibrateOptions): Promise<BankFile> {
  const { config, dataset } = options;
  const isPerQuestion = config.calibration === 'per-question';
  const problems = isPerQuestion
    ? shardOf(dataset.problems, config.shard)
    : dataset.problems.slice(0, config.calibrationProblems);
  const file: BankFile = { schema: BANK_SCHEMA, provenance: provenanceOf(options), turns: [] };
  if (config.calibration === 'per-turn') return { ...file, ...(await scoresOfTurns(options, problems)) };
  const scores = await firstChunkScores(options, problems);
  if (isPerQuestion) return { ...file, questions: Object.fromEntries(problems.map(({ id }, i) => [id, scores[i]])) };
  return { ...file, turns: [scores.flat()], problems: [problems.flatMap(({ id }, i) => scores[i].map(() => id))] };
}

/** What the scores of a run with these settings come from; of later turns only where the rule has banks for them. */
export function provenanceOf({ config, draft, target, dataset }: CalibrateOptions): BankProvenance {
  const { chunk, draftTokens, temperature, topP, seed } = config;
  // A user's own wording by what it says, not by where it lies.
  const file = readPromptFile(config.prompt);
  const prompt = file ? `file ${file.hash.slice(0, 16)}` : config.prompt;
  const { policy, targetTokens, cue, rejectionRate } = config;
  return {
    ...{ draft: draft.model.id, target: target.model.id, dataset: dataset.name, datasetHash: dataset.hash },
    ...{ chunk, draftTokens, temperature, topP, seed, prompt },
    ...(config.calibration === 'per-turn' ? { policy, targetTokens, cue: cue ?? '', rejectionRate } : {}),
  };
}

/** Scores of `calibrationSamples` first chunks of each problem. */
async function firstChunkScores(options: CalibrateOptions, problems: readonly Problem[]): Promise<number[][]> {
  const { config } = options;
  const scores = problems.map((): number[] => []);
  const ask = openPrompt(config.prompt);
  const oneTurn = { ...config, turns: 1, verifyAnswers: true };
  const chains = problems.flatMap((problem, row) =>
    Array.from({ length: config.calibrationSamples }, (_, sample) => ({ problem, row, sample })),
  );
  let done = 0;
  await inParallel(chains, config.concurrency, async ({ problem, row, sample }) => {
    // Accepting everything ends the chain after its first score.
    const pace = {
      arrive: async () => {},
      decide: async ({ score }: ScoredChunk) => {
        scores[row][sample] = score;
        return { p: 1, alpha: 0, rejected: false };
      },
      leave: () => {},
    };
    const prompts = promptsOf(problem, options.draft, options.target, ask);
    requireFinished(await new Chain(contextOf(options, oneTurn), problem, sample, prompts, pace).run());
    options.onProgress?.(++done, chains.length);
  });
  return scores;
}

async function scoresOfTurns(
  options: CalibrateOptions,
  problems: readonly Problem[],
): Promise<Required<Pick<BankFile, 'turns' | 'problems'>>> {
  const { config } = options;
  const scores: Required<Pick<BankFile, 'turns' | 'problems'>> = { turns: [], problems: [] };
  const ask = openPrompt(config.prompt);
  const worst = makeCalibrator({ ...calibratorSettings(config), name: 'budget', banks: { turns: [] } });
  const decide = (group: readonly ScoredChunk[]) => {
    for (const { turn, score, problem } of group) {
      scores.turns[turn] ??= [];
      scores.turns[turn].push(score);
      scores.problems[turn] ??= [];
      scores.problems[turn].push(problem);
    }
    return worst.decide(group);
  };
  const chains = problems.flatMap((problem) =>
    Array.from({ length: config.calibrationSamples }, (_, sample) => ({ problem, sample })),
  );
  let done = 0;
  await lockStep(chains, decide, async ({ problem, sample }, pace) => {
    const prompts = promptsOf(problem, options.draft, options.target, ask);
    requireFinished(await new Chain(contextOf(options, config), problem, sample, prompts, pace).run());
    options.onProgress?.(++done, chains.length);
  });
  return scores;
}

function contextOf({ draft, target, signal }: CalibrateOptions, config: RunConfig): ChainContext {
  const method = { ...config, method: 'atts' as const };
  return {
    config: method,
    draft,
    target,
    keyPrefix: 'calibration-',
    clock: (time) => time,
    recordEvent: () => {},
    grade: () => false,
    signal,
  };
}

/** Whether a run needs scores to compare with: only the budget at a barrier knows all that it ranks. */
export function needsBank({ method, calibration, schedule }: RunConfig): boolean {
  return method === 'atts' && !(calibration === 'budget' && schedule === 'sync');
}

/** Whether a run draws its scores itself, and not from the evaluated problems. */
export function needsCalibrationSplit(config: RunConfig): boolean {
  const { bank, calibrateOn, calibration } = config;
  return needsBank(config) && bank === null && calibrateOn === 'calibration' && calibration !== 'per-question';
}

export function calibratorSettings(config: RunConfig) {
  const { rejectionRate: alpha, gamma, pValue, seed, growBank: grow } = config;
  return { alpha, gamma, pValue, seed, grow };
}

/** A bank with holes would be another bank. */
function requireFinished({ status, error, problem }: ChainRecord): void {
  if (status === 'failed') throw new AttsError('run', `calibration failed on problem ${problem}: ${error}`);
}
