import { AttsError } from '../../errors.js';
import { Fleet, type FleetTuning, fleetTuning } from './fleet.js';
import { openai, vllm } from './openai.js';
import { probe } from './probe.js';
import type { Protocol, Served } from './protocol.js';
import { RemoteEngine } from './remote-engine.js';
import { sglang } from './sglang.js';
import { parseRemoteSpec, type RemoteSpec, type ServerKind } from './spec.js';
import { checkTokenizer, tokenizerOf } from './tokenizer.js';

const protocols: Readonly<Record<ServerKind, Protocol>> = { sglang, vllm, openai };

export interface RemoteOptions {
  /** Whether the model must be able to score, as a target has to. */
  readonly scores?: boolean;
  /** Hears in a line what the user should know of the servers. */
  readonly onNote?: (note: string) => void;
  readonly tuning?: Partial<FleetTuning>;
}

/** What `atts models inspect` tells of a model on servers. */
export interface RemoteReport {
  readonly schema: 'atts.remote/1';
  readonly id: string;
  readonly servers: readonly string[];
  readonly build: string;
  readonly dtype: string;
  readonly contextLength: number;
  readonly tokenizer: string;
  readonly fingerprint: string;
  /** Whether the server's tokenizer was held against ours. */
  readonly tokenizerChecked: boolean;
  readonly writes: string;
  readonly scores: string | null;
}

/**
 * Opens a model on servers: asks them what they serve (all must serve the same), finds its tokenizer and holds it against
 * theirs, and probes how they write and score.
 * @throws AttsError `usage` for a bad spec, a refused key, another tokenizer; `engine` where no server answers or can do
 * what is needed
 */
export async function openRemote(spec: string, options: RemoteOptions = {}): Promise<RemoteEngine> {
  return (await open(spec, options)).engine;
}

/** @throws AttsError as `openRemote` does */
export async function inspectRemote(spec: string): Promise<RemoteReport> {
  const { engine, parsed, served, tokenizerChecked } = await open(spec, { scores: false });
  const { id, build, dtype, contextLength, fingerprint } = engine.model;
  await engine.close();
  return {
    ...{ schema: 'atts.remote/1', id, servers: parsed.bases, build, dtype, contextLength },
    ...{ tokenizer: parsed.tokenizer ?? served.tokenizers[0], fingerprint, tokenizerChecked },
    ...{ writes: engine.ways.write.name, scores: engine.ways.score?.name ?? null },
  };
}

async function open(spec: string, { scores = true, onNote = () => {}, tuning }: RemoteOptions) {
  const parsed = parseRemoteSpec(spec);
  const protocol = protocols[parsed.kind];
  const identity = new Identity(parsed, protocol);
  const fleet = new Fleet(parsed.bases, {
    ...{ ...fleetTuning, deadline: parsed.deadline, ...tuning, key: parsed.key, health: protocol.health },
    ...{ name: spec, note: onNote, admit: (get, base) => identity.verify(get, base) },
  });
  try {
    await fleet.open();
    const { served } = identity;
    const context = parsed.contextLength ?? served.contextLength;
    if (context === null) {
      throw new AttsError('usage', `${spec}: the server does not say how long its context is; add ?context=TOKENS`);
    }
    const tokenizer = await tokenizerOf(parsed, served);
    const tokenizerChecked = await checkTokenizer(fleet, protocol, served, tokenizer);
    const ways = await probe(fleet, protocol, served, tokenizer);
    if (scores && ways.score === null) {
      throw new AttsError(
        'engine',
        `${spec} can continue texts but not score them, which a target has to: ${ways.refusals.join('; ')}`,
      );
    }
    const contextLength = context - protocol.reserve;
    const engine = new RemoteEngine({ kind: parsed.kind, served, contextLength, tokenizer, ways, fleet });
    return { engine, parsed, served, tokenizerChecked };
  } catch (cause) {
    await fleet.close();
    throw cause;
  }
}

/** What the servers of a model serve: what the first of them that answered did. */
class Identity {
  private readonly spec: RemoteSpec;
  private readonly protocol: Protocol;
  private first: { readonly served: Served; readonly base: string } | null = null;

  constructor(spec: RemoteSpec, protocol: Protocol) {
    this.spec = spec;
    this.protocol = protocol;
  }

  get served(): Served {
    return (this.first as { served: Served }).served;
  }

  /** @throws AttsError `engine` where a server serves something else than the others */
  async verify(get: (path: string) => Promise<unknown>, base: string): Promise<void> {
    const served = await this.protocol.describe(get, base, this.spec.model);
    this.first ??= { served, base };
    const [ours, theirs]: Record<string, unknown>[] = [{ ...this.first.served }, { ...served }];
    const field = Object.keys(ours).find((name) => JSON.stringify(ours[name]) !== JSON.stringify(theirs[name]));
    if (field === undefined) return;
    const [was, is] = [ours[field], theirs[field]].map((value) => JSON.stringify(value));
    throw new AttsError('engine', `${base} serves another ${field} (${is}) than ${this.first.base} (${was})`);
  }
}
