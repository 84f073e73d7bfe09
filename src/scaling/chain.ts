import type { Decision, ScoredChunk } from '../conformal/calibrator.js';
import type { Engine, Generation, Timing, Usage } from '../engine/engine.js';
import { AttsError, type ErrorCode } from '../errors.js';
import type { RunConfig } from '../runs/config.js';
import type { ChainRecord, ChunkRecord, ModelCallEvent } from '../runs/records.js';
import { extractAnswer, holdsAnswer } from '../tasks/answers.js';
import { isCorrect } from '../tasks/grading.js';
import type { Problem } from '../tasks/problem.js';
import { policyRules } from './policies/index.js';
import type { Pace } from './schedules/schedule.js';
import { type Author, openTranscript, type Prompts, type Transcript } from './transcripts/transcript.js';

/** Attempts at a model call before its chain is given up. */
const attempts = 3;
/** What concerns a chain alone; all else ends the run. `usage`: an engine refuses this one request. */
const failures: readonly ErrorCode[] = ['usage', 'engine', 'length', 'score'];

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
 * One reasoning chain: draft → answer check → score → p-value → decision → the target continues, turn after turn. What
 * passes between the two models, tokens or text, is the transcript's business.
 */
export class Chain {
  private readonly context: ChainContext;
  private readonly problem: Problem;
  private readonly sample: number;
  private readonly pace: Pace;
  private readonly transcript: Transcript;
  private readonly chunks: ChunkRecord[] = [];
  private turn = 0;
  private barrierTotal = 0;
  /** Barrier time since the last event. */
  private barrierPending = 0;

  constructor(context: ChainContext, problem: Problem, sample: number, prompts: Prompts, pace: Pace) {
    this.context = context;
    this.problem = problem;
    this.sample = sample;
    this.pace = pace;
    this.transcript = openTranscript(context, prompts);
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
      if (!(cause instanceof AttsError) || !failures.includes(cause.code)) throw cause;
      error = cause.message;
    } finally {
      this.pace.leave();
    }
    const answer = extractAnswer(this.transcript.text);
    const { keepsRejected } = policyRules(this.context.config.policy, null);
    const last = this.chunks.findLast(({ rejected }) => keepsRejected || !rejected);
    if (last) last.text += this.transcript.end();
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
    if (this.transcript.room < 1) return 'context';
    const draft = await this.generate('draft', config.draftTokens);
    const record = this.recordOf('draft', draft);
    if (!rules.verifiesAnswers && holdsAnswer(this.transcript.textWith(draft))) {
      this.keep(record, draft);
      return 'answer';
    }
    await this.waitFor(() => this.pace.arrive());
    const decision = await this.judge(draft, record);
    if (decision === null) return 'context';
    if (!decision.rejected) {
      this.keep(record, draft);
      return this.endingAfter(draft);
    }
    record.rejected = true;
    if (rules.keepsRejected) {
      this.keepRejected(record, draft);
    } else {
      this.chunks.push({ ...record, text: this.transcript.addedBy(draft) });
    }
    if (this.transcript.room < 1) return 'context';
    const target = await this.generate('target', config.targetTokens);
    this.keep(this.recordOf('target', target), target);
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
    const written = await this.generate(author, budget, []);
    this.keep(this.recordOf(author, written), written);
    this.turn = 1;
  }

  /** Scores a draft chunk under the target and takes the decision on it; null where the target has no room for it. */
  private async judge(draft: Generation, record: ChunkRecord): Promise<Decision | null> {
    const target = this.context.target as Engine;
    const request = this.transcript.asScored(draft);
    if (request === null) return null;
    const scored = await this.attempt('score', async () => {
      const result = await target.score({ ...request, signal: this.context.signal });
      const score = -result.logProbs.reduce((a, b) => a + b, 0) / result.logProbs.length;
      if (result.logProbs.length !== request.chunk.ids.length || !Number.isFinite(score)) {
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
    this.keep(record, record);
    if (config.cue === null) return;
    const { text: before } = this.transcript;
    const separator = before.endsWith('\n\n') || before === '' ? '' : before.endsWith('\n') ? '\n' : '\n\n';
    const text = separator + config.cue;
    const ids = this.transcript.keepCue(text);
    if (ids === null) return;
    this.chunks.push({ ...this.recordOf('target', { ids, text }), author: 'cue' });
  }

  private endingAfter(last: Generation): Ending | null {
    if (last.finish === 'stop-token') return 'stop-token';
    if (last.finish === 'context') return 'context';
    return holdsAnswer(this.transcript.text) ? 'answer' : null;
  }

  private async generate(
    author: Author,
    budget: number,
    stop: readonly string[] = this.context.config.chunk === 'paragraph' ? ['\n\n'] : [],
  ): Promise<Generation> {
    const { config, keyPrefix, signal } = this.context;
    const engine = this.context[author] as Engine;
    const result = await this.attempt(author, () =>
      engine.generate({
        ...{ prefix: this.transcript.prefix(author), maxTokens: Math.min(budget, this.transcript.room), stop, signal },
        ...{ temperature: config.temperature, topP: config.topP },
        key: { seed: config.seed, problem: this.problem.id, sample: this.sample, role: keyPrefix + author },
      }),
    );
    this.record(author, result.usage, result.timing, this.takeBarrier(), null);
    return this.transcript.received(author, result);
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

  private recordOf(author: Author, { ids, text }: Pick<Generation, 'ids' | 'text'>): ChunkRecord {
    return { author, text, tokens: ids.length, rejected: false, ids: [...ids], score: null, turn: this.turn };
  }

  private keep(record: ChunkRecord, written: Pick<Generation, 'ids' | 'text'>): void {
    record.text = this.transcript.keep(record.author as Author, written);
    this.chunks.push(record);
  }
}
