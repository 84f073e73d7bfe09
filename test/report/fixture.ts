import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChainRecord, ChunkRecord, ModelCallEvent, RunConfig, Summary } from '../../src/index.js';
import { runConfigSchema } from '../../src/index.js';
import type { RunManifest } from '../../src/runs/schemas.js';

/**
 * Toy runs, whole on disk: a server of unlimited width whose calls take a time that is drawn, and a coin that decides
 * how chunks fare. Records, events and summary agree with each other as those of a true run do.
 */
export interface ToyOptions {
  readonly problems?: number;
  readonly samples?: number;
  readonly policy?: 'continue' | 'replace';
  readonly cue?: string | null;
  /** Identifier of the first problem. */
  readonly oddProblem?: string;
  /** Text at the head of every chunk. */
  readonly text?: string;
}

export type ToyMethod = 'draft-only' | 'target-only' | 'sync' | 'async';

export const toyMethods: readonly ToyMethod[] = ['draft-only', 'target-only', 'sync', 'async'];

/** A comparison of all four methods in a new folder. */
export function toyComparison(options: ToyOptions = {}, methods = toyMethods): string {
  const directory = temporaryFolder();
  const summaries = methods.map((method) => [method, writeToyRun(join(directory, method), method, options)]);
  writeFileSync(
    join(directory, 'compare.json'),
    JSON.stringify({ schema: 'atts.compare/1', methods: Object.fromEntries(summaries) }),
  );
  return directory;
}

/** One run in a new folder. */
export function toyRun(method: ToyMethod, options: ToyOptions = {}): string {
  const directory = temporaryFolder();
  writeToyRun(directory, method, options);
  return directory;
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'atts-report-'));
}

function writeToyRun(directory: string, method: ToyMethod, options: ToyOptions): Summary {
  const isJudged = method === 'sync' || method === 'async';
  const config = runConfigSchema.parse({
    method: isJudged ? 'atts' : method,
    schedule: method === 'sync' ? 'sync' : 'async',
    calibration: method === 'sync' ? 'budget' : 'online',
    samples: options.samples ?? 8,
    policy: options.policy ?? 'continue',
    cue: options.cue ?? null,
    concurrency: 32,
    seed: 7,
  });
  const toy = new ToyRun(method, config, options);
  const summary = toy.summary();
  mkdirSync(directory, { recursive: true });
  const lines = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
  writeFileSync(join(directory, 'run.json'), JSON.stringify(manifest(config, toy.problems.length)));
  writeFileSync(join(directory, 'events.jsonl'), lines(toy.events));
  writeFileSync(join(directory, 'samples.jsonl'), lines(toy.chains));
  writeFileSync(join(directory, 'summary.json'), JSON.stringify(summary));
  return summary;
}

/** A chain under way. */
interface ToyChain extends ChainRecord {
  /** Milliseconds since the run began. */
  clock: number;
  /** Barrier time that no event carries yet. */
  pending: number;
  rejected: boolean;
}

class ToyRun {
  readonly problems: string[];
  readonly events: ModelCallEvent[] = [];
  readonly chains: ChainRecord[] = [];
  private readonly random = mulberry32(12345);

  constructor(
    private readonly method: ToyMethod,
    private readonly config: RunConfig,
    private readonly options: ToyOptions,
  ) {
    this.problems = Array.from({ length: options.problems ?? 12 }, (_, i) => `toy-${i}`);
    if (options.oddProblem !== undefined) this.problems[0] = options.oddProblem;
    const groups = Math.max(1, Math.floor(config.concurrency / config.samples));
    const free = new Array<number>(groups).fill(0);
    for (const problem of this.problems) {
      const slot = free.indexOf(Math.min(...free));
      const group = Array.from({ length: config.samples }, (_, sample) => this.start(problem, sample, free[slot]));
      this.runGroup(group);
      free[slot] = Math.max(...group.map(({ finished }) => finished));
    }
    this.events.sort((a, b) => a.finished - b.finished);
    this.chains.sort((a, b) => a.finished - b.finished);
  }

  private start(problem: string, sample: number, clock: number): ToyChain {
    return {
      ...{ problem, sample, chunks: [], answer: null, correct: false, turns: 0, status: 'finished', error: null },
      ...{ barrier: 0, started: clock, finished: clock, clock, pending: 0, rejected: false },
    };
  }

  private runGroup(group: readonly ToyChain[]): void {
    if (this.method === 'draft-only' || this.method === 'target-only') {
      for (const chain of group) {
        this.write(chain, this.method === 'draft-only' ? 'draft' : 'target', 140);
        chain.turns = 1;
        this.end(chain);
      }
      return;
    }
    let running = [...group];
    for (let turn = 0; running.length > 0; turn++) {
      for (const chain of running) this.write(chain, 'draft', 32);
      this.wait(running);
      for (const chain of running) this.judge(chain);
      this.wait(running);
      for (const chain of running) if (chain.rejected) this.rewrite(chain);
      for (const chain of running) chain.turns++;
      const ended = running.filter(() => turn >= 2 && this.random() < 0.3 + turn / 10);
      for (const chain of ended) this.end(chain);
      running = running.filter((chain) => !ended.includes(chain));
      this.wait(running);
    }
  }

  /** A barrier; under async there is none. */
  private wait(chains: readonly ToyChain[]): void {
    if (this.method !== 'sync') return;
    const released = Math.max(...chains.map(({ clock }) => clock));
    for (const chain of chains) {
      chain.pending += released - chain.clock;
      chain.barrier += released - chain.clock;
      chain.clock = released;
    }
  }

  private write(chain: ToyChain, author: 'draft' | 'target', tokens: number): ChunkRecord {
    this.call(chain, author, tokens, tokens * (author === 'draft' ? 3 : 9));
    const chunk: ChunkRecord = {
      ...{ author, tokens, rejected: false, ids: [], score: null, turn: chain.turns },
      text: `${this.options.text ?? ''}Step ${chain.turns + 1}: ${chain.sample} + 2 = ${chain.sample + 2}.\n\n`,
    };
    chain.chunks.push(chunk);
    return chunk;
  }

  private judge(chain: ToyChain): void {
    const chunk = chain.chunks[chain.chunks.length - 1];
    const event = this.call(chain, 'score', chunk.tokens, 30);
    event.score = chunk.score = 0.1 + this.random() / 2;
    event.p = this.random();
    event.alpha = this.config.rejectionRate;
    event.rejected = chunk.rejected = chain.rejected = event.p <= event.alpha;
  }

  private rewrite(chain: ToyChain): void {
    const { cue } = this.config;
    if (cue !== null) {
      const rest = { rejected: false, ids: [], score: null, turn: chain.turns };
      chain.chunks.push({ author: 'cue', text: cue, tokens: 2, ...rest });
    }
    this.write(chain, 'target', 32);
  }

  private end(chain: ToyChain): void {
    const { clock, pending, rejected, ...record } = chain;
    Object.assign(chain, { finished: clock });
    const isRight = this.random() < { 'draft-only': 0.55, 'target-only': 0.9, sync: 0.85, async: 0.87 }[this.method];
    this.chains.push({ ...record, finished: clock, answer: isRight ? '42' : '41', correct: isRight });
  }

  private call(chain: ToyChain, kind: ModelCallEvent['kind'], tokens: number, milliseconds: number): ModelCallEvent {
    const queued = chain.clock;
    const started = queued + 20 * this.random();
    const finished = started + milliseconds * (0.6 + 0.8 * this.random());
    const event: ModelCallEvent = {
      ...{ problem: chain.problem, sample: chain.sample, turn: chain.turns, kind, queued, started, finished, tokens },
      ...{ promptTokens: 80, cachedTokens: 64, score: null, p: null, alpha: null, rejected: null },
      barrier: chain.pending,
    };
    chain.pending = 0;
    chain.clock = finished;
    this.events.push(event);
    return event;
  }

  summary(): Summary {
    const { config, chains, events } = this;
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    const tokens = (kind: ModelCallEvent['kind']) =>
      sum(events.map((event) => (event.kind === kind ? event.tokens : 0)));
    const mean = chains.filter(({ correct }) => correct).length / chains.length;
    const wallSeconds = Math.max(...chains.map(({ finished }) => finished)) / 1000;
    return {
      schema: 'atts.summary/1',
      ...{ method: config.method, schedule: config.schedule, dataset: 'toy', problems: this.problems.length },
      draft: config.method === 'target-only' ? null : config.draft,
      target: config.method === 'draft-only' ? null : config.target,
      ...{ samples: config.samples, seed: config.seed },
      accuracy: {
        mean,
        ci95: [Math.max(0, mean - 0.06), Math.min(1, mean + 0.05)],
        passAt: { '1': mean, [config.samples]: Math.min(1, mean + 0.1) },
        majAt: { '1': mean, [config.samples]: Math.min(1, mean + 0.04) },
        passAtCi95: { [config.samples]: [0.91, 1] },
        majAtCi95: { [config.samples]: [0.52, 0.97] },
      },
      rejection: this.rejection(),
      tokens: {
        ...{ draftGenerated: tokens('draft'), targetGenerated: tokens('target'), targetScored: tokens('score') },
        ...{ promptComputed: 16 * events.length, promptCached: 64 * events.length },
      },
      time: {
        ...{ wallSeconds, computeSeconds: null, memorySeconds: null },
        syncWaitSeconds: sum(chains.map(({ barrier }) => barrier)) / 1000,
        queueWaitSeconds: sum(events.map(({ queued, started }) => started - queued)) / 1000,
      },
      intensity: { classical: null, asynchronous: null },
      throughput: {
        tokensPerSecond: (tokens('draft') + tokens('target')) / wallSeconds,
        chainsPerSecond: chains.length / wallSeconds,
      },
      chains: { finished: chains.length, failed: 0, unanswered: 0 },
    };
  }

  private rejection(): Summary['rejection'] {
    const decisions = this.events.filter(({ rejected }) => rejected !== null);
    if (decisions.length === 0) return null;
    const rate = (some: readonly ModelCallEvent[]) => some.filter(({ rejected }) => rejected).length / some.length;
    const turns = [...new Set(decisions.map(({ turn }) => turn))].sort((a, b) => a - b);
    return {
      ...{ wanted: this.config.rejectionRate, overall: rate(decisions), calibration: this.config.calibration },
      perTurn: turns.map((turn) => {
        const own = decisions.filter((event) => event.turn === turn);
        return { turn, decisions: own.length, rate: rate(own) };
      }),
      rolling200: decisions.length >= 200 ? { min: 0.32, max: 0.47 } : null,
      bound: this.config.calibration === 'online' ? { value: 20 / decisions.length, holds: true } : null,
      ks: { d: 0.04, p: 0.31 },
      martingaleLog10: -0.4,
    };
  }
}

function manifest(config: RunConfig, problems: number): RunManifest {
  const model = (id: string) => ({ id, hash: 'ab'.repeat(32), fingerprint: 'cd'.repeat(32) });
  return {
    schema: 'atts.run/1',
    config,
    draft: config.method === 'target-only' ? null : model(config.draft),
    target: config.method === 'draft-only' ? null : model(config.target),
    dataset: { name: 'toy', hash: 'ef'.repeat(32), problems },
    kernelBuild: 'wasm',
    versions: { atts: '0.1.0', node: '20.0.0', tfjs: '4.22.0' },
    machine: { platform: 'linux', arch: 'x64', cpu: 'Toy CPU', cores: 2, memoryGiB: 8 },
    created: '2026-01-02T03:04:05.000Z',
  };
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
