import type { BankFile } from '../../src/conformal/bank-format.js';
import type { Engine } from '../../src/engine/engine.js';
import { TextStream } from '../../src/engine/tokenizer/text-stream.js';
import { type RunConfig, runConfigSchema } from '../../src/runs/config.js';
import type { ChainRecord, ModelCallEvent } from '../../src/runs/records.js';
import { type Solution, Solver } from '../../src/scaling/solve.js';
import type { Author } from '../../src/scaling/transcripts/transcript.js';

/** What the page asks. */
export interface Ask {
  readonly problem: string;
  readonly samples: number;
  readonly rejectionRate: number;
  readonly seed: number;
}

/** Text as it is written. */
export interface Writing {
  readonly sample: number;
  readonly author: Author;
  readonly text: string;
  readonly tokens: number;
}

export interface Listener {
  onWriting(writing: Writing): void;
  onEvent(event: ModelCallEvent): void;
  onChain(chain: ChainRecord): void;
}

/** The settings that the model card recommends. */
export function configOf({ samples, rejectionRate, seed }: Partial<Ask> = {}): RunConfig {
  return runConfigSchema.parse({ policy: 'replace', samples, rejectionRate, seed });
}

/** Answers one problem with the whole method, by a rule that has learnt from nothing but the bank. */
export function answer(
  models: Readonly<Record<Author, Engine>>,
  bank: BankFile,
  ask: Ask,
  { onWriting, onEvent, onChain }: Listener,
  signal?: AbortSignal,
): Promise<Solution> {
  const draft = watched(models.draft, 'draft', onWriting);
  const target = watched(models.target, 'target', onWriting);
  const solver = new Solver({ config: configOf(ask), draft, target, bank });
  return solver.solve({ messages: [{ role: 'user', content: ask.problem }], signal, onEvent, onChain });
}

/** The engine, whose every token is told. */
function watched(engine: Engine, author: Author, onWriting: Listener['onWriting']): Engine {
  return {
    model: engine.model,
    tokenizer: engine.tokenizer,
    generate(request) {
      const stream = new TextStream(engine.tokenizer);
      const { sample } = request.key;
      const onTokens = (ids: readonly number[]) =>
        onWriting({ sample, author, text: stream.push(ids), tokens: ids.length });
      return engine.generate({ ...request, onTokens });
    },
    score: (request) => engine.score(request),
    close: () => engine.close(),
  };
}
