import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Engine, Usage } from '../engine/engine.js';

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** What /metrics tells, in the text format of Prometheus. No label has a word of a request in it. */
export class Metrics {
  readonly registry = new Registry();
  readonly requests = this.counter('atts_requests_total', 'Requests answered', ['route', 'status']);
  readonly requestSeconds = this.histogram('atts_request_seconds', 'Time of a request', ['route']);
  readonly firstToken = this.histogram('atts_time_to_first_token_seconds', 'From a call to its first token', ['model']);
  private readonly tokens = this.counter('atts_tokens_total', 'Tokens by what was done with them', ['model', 'kind']);
  private readonly decisions = this.counter('atts_decisions_total', 'Draft chunks that were decided on', ['rejected']);
  private rejected = 0;
  private decided = 0;

  constructor() {
    this.gauge('atts_rejection_rate', 'Share of draft chunks that were rejected', [], (gauge) =>
      gauge.set(this.decided === 0 ? 0 : this.rejected / this.decided),
    );
  }

  /** Watches what a model is doing. */
  watch(engines: ReadonlyMap<string, Engine>): void {
    const each = (set: (model: string, load: NonNullable<Engine['load']>) => void) => () => {
      for (const [model, { load }] of engines) if (load) set(model, load);
    };
    this.gauge('atts_calls', 'Calls in the batch and calls that wait to be', ['model', 'state'], (gauge) =>
      each((model, { running, waiting }) => {
        gauge.set({ model, state: 'running' }, running);
        gauge.set({ model, state: 'waiting' }, waiting);
      })(),
    );
    this.gauge('atts_kv_cache_usage_ratio', 'Share of the KV cache that running calls hold', ['model'], (gauge) =>
      each((model, { cacheTokens, heldTokens }) => gauge.set({ model }, heldTokens / cacheTokens))(),
    );
  }

  /** Watches a number that somebody else keeps. */
  watchNumber(name: string, help: string, read: () => number): void {
    this.gauge(name, help, [], (gauge) => gauge.set(read()));
  }

  used(model: string, { prompt, cached, generated, scored }: Usage): void {
    for (const [kind, count] of Object.entries({ prompt, cached, generated, scored })) {
      this.tokens.inc({ model, kind }, count);
    }
  }

  decidedOn(rejected: boolean): void {
    this.decided++;
    if (rejected) this.rejected++;
    this.decisions.inc({ rejected: String(rejected) });
  }

  private counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  private histogram<L extends string>(name: string, help: string, labelNames: L[]): Histogram<L> {
    return new Histogram({ name, help, labelNames, buckets: seconds, registers: [this.registry] });
  }

  private gauge<L extends string>(name: string, help: string, labelNames: L[], read: (gauge: Gauge<L>) => void): void {
    const gauge: Gauge<L> = new Gauge({
      ...{ name, help, labelNames, registers: [this.registry] },
      collect: () => read(gauge),
    });
  }
}
