import type { BankFile } from '../conformal/bank-format.js';
import { banksOf } from '../conformal/banks.js';
import type { Calibrator } from '../conformal/calibrator.js';
import { makeCalibrator } from '../conformal/calibrators/index.js';
import { sha256Hex } from '../digest.js';
import type { ChatMessage, Engine } from '../engine/engine.js';
import { AttsError } from '../errors.js';
import type { RunConfig } from '../runs/config.js';
import type { ChainRecord, ModelCallEvent } from '../runs/records.js';
import { openGrader } from '../tasks/grader.js';
import { ballotOf, majorityOf } from '../tasks/metrics.js';
import { openPrompt, type Prompt } from '../tasks/prompts.js';
import { calibratorSettings } from './calibrate.js';
import { Chain, type ChainContext } from './chain.js';
import { promptsOf } from './prompt.js';
import { runAsync } from './schedules/async.js';
import type { Author } from './transcripts/transcript.js';

export interface SolverOptions {
  readonly config: RunConfig;
  readonly draft: Engine;
  readonly target: Engine;
  /** Scores that chunks are compared with; null: the rule learns from the first chunk on. */
  readonly bank: BankFile | null;
}

export interface Question {
  /** A lone message of the user is a problem, asked as the configuration says; any other chat is asked as it stands. */
  readonly messages: readonly ChatMessage[];
  /** Over the configuration's. */
  readonly settings?: Partial<Pick<RunConfig, 'samples' | 'turns' | 'temperature' | 'topP' | 'seed'>>;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: ModelCallEvent) => void;
  /** Hears of every chain as it ends. */
  readonly onChain?: (chain: ChainRecord) => void;
}

export interface Solution {
  /** The majority answer of the chains; null where none has one. */
  readonly answer: string | null;
  /** Chains that say so. */
  readonly votes: number;
  /** By sample. */
  readonly chains: readonly ChainRecord[];
  readonly events: readonly ModelCallEvent[];
}

/**
 * Answers questions one by one with the whole method, without barriers. One rule decides for all of them: what it learns
 * from one it knows at the next, so that the rate is held over the life of the solver. With a rule that does not learn, an
 * answer depends on the question and the settings alone.
 */
export class Solver {
  private readonly options: SolverOptions;
  private readonly calibrator: Calibrator;
  private readonly ask: Prompt;

  /** @throws AttsError `usage` for a rule that needs what a solver does not have */
  constructor(options: SolverOptions) {
    const { config, bank } = options;
    this.options = options;
    const name = config.calibration;
    if (name === 'per-question') {
      throw new AttsError('usage', '--calibration per-question knows its questions beforehand; a server does not');
    }
    if (bank === null && (name === 'marginal' || name === 'per-turn')) {
      throw new AttsError('usage', `--calibration ${name} needs --bank FILE (atts calibrate makes one)`);
    }
    const banks = bank === null ? { turns: [] } : banksOf(bank, config.bankWeights);
    this.calibrator = makeCalibrator({ ...calibratorSettings(config), name, banks, barrier: false });
    this.ask = openPrompt(config.prompt);
  }

  /** What a question is answered with where it says nothing else. */
  get defaults(): RunConfig {
    return this.options.config;
  }

  /** @throws AttsError where nothing can be asked; a chain that fails is told as such */
  async solve({ messages, settings, signal, onEvent, onChain }: Question): Promise<Solution> {
    const { draft, target } = this.options;
    const grade = await openGrader();
    const config: RunConfig = { ...this.options.config, ...settings, method: 'atts' };
    const id = sha256Hex([JSON.stringify(messages)]).slice(0, 16);
    const alone = messages.length === 1 && messages[0].role === 'user';
    const problem = { id, problem: messages[messages.length - 1].content, answer: '' };
    const prompts = promptsOf(problem, draft, target, alone ? this.ask : () => [...messages]);
    for (const [role, { model }] of Object.entries({ draft, target })) {
      const { length } = (prompts[role as Author] ?? { ids: [] }).ids;
      if (length < model.contextLength) continue;
      throw new AttsError(
        'usage',
        `a prompt of ${length} tokens is too long for the context of ${model.contextLength}`,
      );
    }
    const origin = performance.now();
    const events: ModelCallEvent[] = [];
    const context: ChainContext = {
      ...{ config, draft, target, signal, keyPrefix: '', clock: (time) => time - origin, grade },
      recordEvent(event) {
        events.push(event);
        onEvent?.(event);
      },
    };
    const chains: ChainRecord[] = [];
    await runAsync({
      chains: Array.from({ length: config.samples }, (_, sample) => ({ problem: 0, sample })),
      concurrency: config.samples,
      decide: (group) => this.calibrator.decide(group),
      async run(_, sample, pace) {
        chains[sample] = await new Chain(context, problem, sample, prompts, pace).run();
        onChain?.(chains[sample]);
      },
    });
    const votes = chains.map((chain) => (chain.status === 'failed' ? { ...chain, answer: null } : chain));
    const winner = majorityOf(ballotOf(votes, grade).candidates);
    return { answer: winner && chains[winner.first].answer, votes: winner?.votes ?? 0, chains, events };
  }
}
