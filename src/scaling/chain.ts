import type { Decision, ScoredChunk } from '../conformal/calibrator.js';
import type { Engine, Generation, Prefix, Timing, Usage } from '../engine/engine.js';
import { AttsError } from '../errors.js';
import type { RunConfig } from '../runs/config.js';
import type { ChainRecord, ChunkRecord, ModelCallEvent } from '../runs/records.js';
import { extractAnswer, holdsAnswer } from '../tasks/answers.js';
import { isCorrect } from '../tasks/grading.js';
import type { Problem } from '../tasks/problem.js';
import { policyRules } from './policies/index.js';
import type { Pace } from './schedules/schedule.js';

/** Attempts at a model call before its chain is given up. */
const attempts = 3;

/** What all chains of a run share. */
export interface ChainContext {
  readonly config: RunConfig;
  /** Null under `target-only`. */
  readonly draft: Engine | null;
  /** Null under `draft-only`. */
  readonly target: Engine | null;
  /** Prefixed to the roles that key random numbers, so that calibration chains draw their own. */
  readonly keyPrefix: string;
  /** Milliseconds since the run began, of a time of `performance.now()`. */
  readonly clock: (time: number) => number;
  readonly recordEvent: (event: ModelCallEvent) => void;
  readonly signal?: AbortSignal;
}

/** Why a chain ends. */
type Ending = 'answer' | 'stop-token' | 'context' | 'turns';

/**
 * One reasoning chain: draft → answer check → score → p-value → decision → the target continues, turn after turn. Token
 * ids are passed on as they were generated, never encoded again.
 */
export class Chain {
  private readonly context: ChainContext;
  private readonly problem: Problem;
  private readonly sample: number;
  private readonly prompt: Prefix;
  private readonly pace: Pace;
  private readonly contextLength: number;
  /** Ids of the kept chunks. */
  private ids: number[] = [];
  private readonly chunks: ChunkRecord[] = [];
  private turn = 0;
  private barrierTotal = 0;
  /** Barrier time since the last event. */
  private barrierPending = 0;

  constructor(context: ChainContext, problem: Problem, sample: number, prompt: Prefix, pace: Pace) {
    this.context = context;
    this.problem = problem;
    this.sample = sample;
    this.prompt = prompt;
    this.pace = pace;
    const engines = [context.draft, context.target].filter((engine) => engine !== null);
    this.contextLength = Math.min(...engines.map(({ model }) => model.contextLength));
  }

  /**
   * Runs the chain to its end. A call that keeps failing ends the chain as `failed` with its cause; it never counts as
   * an acceptance. Only what concerns the whole run is thrown.
   */
  async run(): Promise<ChainRecord> {
    const started = this.context.clock(performance.now());
    let error: string | null = null;
    try {
      await (this.context.config.method === 'atts' ? this.takeTurns() : this.writeAlone());
    } catch (cause) {
      if (!(cause instanceof AttsError) || (cause.code !== 'engine' && cause.code !== 'score')) throw cause;
      error = cause.message;
    } finally {
      this.pace.leave();
    }
    const text = this.text;
    const answer = extractAnswer(text);
    return {
      problem: this.problem.id,
      sample: this.sample,
      chunks: this.chunks,
      answer,
      correct: error === null && isCorrect(answer, this.problem.answer),
      turns: this.turn,
      status: error === null ? 'finished' : 'failed',
      error,
      barrier: this.barrierTotal,
      started,
      finished: this.context.clock(performance.now()),
    };
  }

  private async takeTurns(): Promise<Ending> {
    const { config } = this.context;
    for (; this.turn < config.turns; ) {
      const ending = await this.takeTurn();
      this.turn++;
      if (ending) return ending;
      await this.waitFor(() => this.pace.arrive());
    }
    return 'turns';
  }

  private async takeTurn(): Promise<Ending | null> {
    const { config } = this.context;
    const rules = policyRules(config.policy, config.verifyAnswers);
    if (this.room < 1) return 'context';
    const draft = await this.generate('draft', this.ids, config.draftTokens);
    const record: ChunkRecord = {
      ...{ author: 'draft', text: draft.text, tokens: draft.ids.length, rejected: false },
      ...{ ids: [...draft.ids], score: null, turn: this.turn },
    };
    if (!rules.verifiesAnswers && holdsAnswer(this.decode([...this.ids, ...draft.ids]))) {
      this.keep(record);
      return 'answer';
    }
    await this.waitFor(() => this.pace.arrive());
    const decision = await this.judge(draft, record);
    if (!decision.rejected) {
      this.keep(record);
      return this.endingAfter(draft);
    }
    record.rejected = true;
    if (rules.keepsRejected) {
      this.keepRejected(record, draft);
    } else {
      this.chunks.push(record);
    }
    if (this.room < 1) return 'context';
    const target = await this.generate('target', this.ids, config.targetTokens);
    this.keep({
      ...{ author: 'target', text: target.text, tokens: target.ids.length, rejected: false },
      ...{ ids: [...target.ids], score: null, turn: this.turn },
    });
    return this.endingAfter(target);
  }

  /** One model alone, with the budget that the method's turns would have. */
  private async writeAlone(): Promise<void> {
    const { config } = this.context;
    const author = config.method === 'draft-only' ? 'draft' : 'target';
    const perTurn =
      config.policy === 'continue'
        ? config.draftTokens + config.targetTokens
        : Math.max(config.draftTokens, config.targetTokens);
    const budget = config.turns * perTurn;
    const written = await this.generate(author, [], budget, []);
    this.turn = 1;
    this.keep({
      ...{ author, text: written.text, tokens: written.ids.length, rejected: false },
      ...{ ids: [...written.ids], score: null, turn: 0 },
    });
  }

  /** Scores a draft chunk under the target and takes the decision on it. */
  private async judge(draft: Generation, record: ChunkRecord): Promise<Decision> {
    const target = this.context.target as Engine;
    const chunk = { ids: draft.ids, text: draft.text, fingerprint: draft.fingerprint };
    const scored = await this.attempt('score', async () => {
      const result = await target.score({ prefix: this.prefixOf(this.ids), chunk, signal: this.context.signal });
      const score = -result.logProbs.reduce((a, b) => a + b, 0) / result.logProbs.length;
      if (result.logProbs.length !== draft.ids.length || !Number.isFinite(score)) {
        throw new AttsError('score', `score of turn ${this.turn} is not a finite number`);
      }
      return { ...result, score };
    });
    record.score = scored.score;
    const place: ScoredChunk = {
      ...{ problem: this.problem.id, sample: this.sample, turn: this.turn, score: scored.score },
    };
    const barrier = this.takeBarrier();
    const decision = await this.waitFor(() => this.pace.decide(place));
    this.record('score', scored.usage, scored.timing, barrier, { ...decision, score: scored.score });
    return decision;
  }

  /** `continue`: the chunk stays, without an end-of-turn token, and the cue follows on a paragraph of its own. */
  private keepRejected(record: ChunkRecord, draft: Generation): void {
    const { config } = this.context;
    if (draft.finish === 'stop-token') {
      record.ids = record.ids.slice(0, -1);
      record.tokens = record.ids.length;
    }
    this.keep(record);
    if (config.cue === null) return;
    const target = this.context.target as Engine;
    const separator = this.text.endsWith('\n\n') || this.text === '' ? '' : this.text.endsWith('\n') ? '\n' : '\n\n';
    const text = separator + config.cue;
    const ids = target.tokenizer.encode(text);
    if (ids.length >= this.room) return;
    this.keep({ author: 'cue', text, tokens: ids.length, rejected: false, ids, score: null, turn: this.turn });
  }

  private endingAfter(last: Generation): Ending | null {
    if (last.finish === 'stop-token') return 'stop-token';
    if (last.finish === 'context') return 'context';
    return holdsAnswer(this.text) ? 'answer' : null;
  }

  private async generate(
    author: 'draft' | 'target',
    ids: readonly number[],
    budget: number,
    stop: readonly string[] = this.context.config.chunk === 'paragraph' ? ['\n\n'] : [],
  ): Promise<Generation> {
    const { config, keyPrefix, signal } = this.context;
    const engine = this.context[author] as Engine;
    const result = await this.attempt(author, () =>
      engine.generate({
        ...{ prefix: this.prefixOf(ids), maxTokens: Math.min(budget, this.room), stop, signal },
        ...{ temperature: config.temperature, topP: config.topP },
        key: { seed: config.seed, problem: this.problem.id, sample: this.sample, role: keyPrefix + author },
      }),
    );
    this.record(author, result.usage, result.timing, this.takeBarrier(), null);
    return result;
  }

  /** Tries a call again when it fails; the last failure ends the chain. */
  private async attempt<T>(what: string, call: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await call();
      } catch (cause) {
        if (this.context.signal?.aborted) throw new AttsError('run', 'interrupted');
        if (!(cause instanceof AttsError)) throw new AttsError('engine', `${what}: ${String(cause)}`, { cause });
        if (attempt === attempts) throw cause;
      }
    }
  }

  private record(
    kind: ModelCallEvent['kind'],
    usage: Usage,
    timing: Timing,
    barrier: number,
    decision: (Decision & { score: number }) | null,
  ): void {
    const { clock, recordEvent } = this.context;
    recordEvent({
      ...{ problem: this.problem.id, sample: this.sample, turn: this.turn, kind },
      queued: clock(timing.queued),
      started: clock(timing.started),
      finished: clock(timing.finished),
      promptTokens: usage.prompt,
      cachedTokens: usage.cached,
      tokens: kind === 'score' ? usage.scored : usage.generated,
      score: decision?.score ?? null,
      p: decision?.p ?? null,
      alpha: decision?.alpha ?? null,
      rejected: decision?.rejected ?? null,
      barrier,
    });
  }

  /** Waits at a barrier, if the schedule has one, and measures for how long. */
  private async waitFor<T>(barrier: () => Promise<T>): Promise<T> {
    const from = performance.now();
    const result = await barrier();
    const waited = performance.now() - from;
    this.barrierTotal += waited;
    this.barrierPending += waited;
    return result;
  }

  private takeBarrier(): number {
    const pending = this.barrierPending;
    this.barrierPending = 0;
    return pending;
  }

  private keep(record: ChunkRecord): void {
    this.chunks.push(record);
    this.ids = [...this.ids, ...record.ids];
  }

  private get text(): string {
    return this.decode(this.ids);
  }

  private decode(ids: readonly number[]): string {
    return (this.context.target ?? (this.context.draft as Engine)).tokenizer.decode(ids);
  }

  /** Tokens that still fit the shorter context. */
  private get room(): number {
    return this.contextLength - this.prompt.ids.length - this.ids.length;
  }

  private prefixOf(ids: readonly number[]): Prefix {
    const all = [...this.prompt.ids, ...ids];
    return { ids: all, text: this.prompt.text + this.decode(ids), fingerprint: this.prompt.fingerprint };
  }
}
