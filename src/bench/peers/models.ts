/** Whole models in other implementations. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCheckpoint, resolveModel } from '../../../models/checkpoint/open.js';
import { AttsError } from '../../errors.js';
import { openIdsEngine, openRandomEngine } from '../engine-cases.js';
import { EngineTimer } from '../engine-timer.js';
import { writeGguf } from '../gguf-file.js';
import { decodedTokens } from '../model.js';
import { promptTokens, someTokens } from '../prompts.js';
import { type LlamaShape, randomCheckpoint, smolLm2Shape } from '../random-checkpoint.js';
import { writeOnnxLlama } from './onnx-llama.js';
import type { PeerProcess } from './peer-process.js';
import type { ModelJob } from './serve.js';
import { type PeerResult, sideBySide, tfjsWasm } from './side-by-side.js';

/** The same engine on the stock backend. */
export async function tfjsWasmModel(threads: number): Promise<PeerResult[]> {
  const [ours, theirs] = [await openRandomEngine('f32', threads), await openRandomEngine('f32', threads, 'wasm')];
  const timers = [ours, theirs].map((engine) => new EngineTimer(engine));
  const both = (name: string, time: (timer: EngineTimer) => Promise<number>) =>
    sideBySide(
      { ...tfjsWasm, case: name },
      () => time(timers[0]),
      () => time(timers[1]),
    );
  try {
    return [
      await both('135M llama f32, decode, 1 chain', (timer) => timer.decode(1, 4)),
      await both('135M llama f32, prefill, 64 tokens', (timer) => timer.prefill(64)),
    ];
  } finally {
    await ours.close();
    await theirs.close();
  }
}

/** What a peer has read, and how our engine on the same weights is held against it. */
interface Comparison {
  readonly peer: PeerProcess;
  readonly timer: EngineTimer;
  readonly model: string;
  readonly job: Pick<ModelJob, 'file' | 'vocabSize'>;
  /** Tokens that a chain writes. */
  readonly written: number;
  /** Tokens that are read at once. */
  readonly lengths: readonly number[];
}

/** One chain and eight that write, then prompts; a peer has no score, so its prefill stands beside ours as well. */
async function besidePeer({ peer, timer, model, job, written, lengths }: Comparison): Promise<PeerResult[]> {
  const { name, version, threads } = peer;
  const results: PeerResult[] = [];
  const compare = async (what: string, ours: () => Promise<number>, theirs: () => Promise<number>) => {
    results.push(await sideBySide({ peer: name, version, threads, case: `${model}, ${what}` }, ours, theirs));
  };
  for (const chains of [1, 8]) {
    const theirs = () => peer.run({ ...job, kind: 'decode', chains, tokens: written });
    await compare(`decode, ${chains} chains`, () => timer.decode(chains, written), theirs);
  }
  for (const tokens of lengths) {
    const theirs = () => peer.run({ ...job, kind: 'prefill', chains: 1, tokens });
    await compare(`prefill, ${tokens} tokens`, () => timer.prefill(tokens), theirs);
    await compare(`score (theirs: prefill), ${tokens} tokens`, () => timer.score(tokens), theirs);
  }
  return results;
}

/**
 * Whole models of one shape. llama.cpp's prefill computes one row of logits; it stands beside our score, which computes
 * a log-probability for every row, too.
 */
export async function llamaCpp(peer: PeerProcess, threads: number): Promise<PeerResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'atts-bench-'));
  const results: PeerResult[] = [];
  try {
    for (const [dtype, ggufDtype] of [
      ['f32', 'f32'],
      ['q8', 'q8_0'],
    ] as const) {
      const file = join(folder, `${ggufDtype}.gguf`);
      writeGguf(file, randomCheckpoint('smollm2-135m-shape', smolLm2Shape), smolLm2Shape, ggufDtype);
      const engine = await openRandomEngine(dtype, threads);
      results.push(
        ...(await besidePeer({
          ...{ peer, timer: new EngineTimer(engine), model: `135M llama ${ggufDtype}`, job: { file } },
          ...{ written: decodedTokens, lengths: [64, 512] },
        })),
      );
      await engine.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return results;
}

/** Tokens that both write before they are timed. */
const comparedTokens = 32;

/**
 * The embedded draft and random weights of a larger shape, as ONNX files of ours with the operators that exporters take.
 * Its prefill computes the logits of all rows: it stands beside our score as well.
 */
export async function transformersJs(peer: PeerProcess, threads: number): Promise<PeerResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'atts-bench-'));
  const results: PeerResult[] = [];
  const draft = openCheckpoint(resolveModel('abacus-llama-0.4m'));
  try {
    for (const [model, checkpoint, shape, written] of [
      ['abacus-llama-0.4m', draft, draft.config as LlamaShape, 8 * decodedTokens],
      ['135M llama', randomCheckpoint('smollm2-135m-shape', smolLm2Shape), smolLm2Shape, decodedTokens],
    ] as const) {
      const file = join(folder, checkpoint.id);
      writeOnnxLlama(file, checkpoint, shape);
      const engine = await openIdsEngine(checkpoint, 'f32', threads);
      const vocabSize = Math.min(shape.vocab_size, 49_000);
      const timer = new EngineTimer(engine, vocabSize);
      const prompt = someTokens(promptTokens, 0, vocabSize);
      const own = await timer.write(prompt, comparedTokens);
      const others = await peer.write({ kind: 'write', file, prompt, tokens: comparedTokens });
      if (own.join() !== others.join()) {
        throw new AttsError(
          'engine',
          `${model} writes other tokens in ${peer.name}: ${others.join(' ')}, here ${own.join(' ')}`,
        );
      }
      const lengths = [64, ...(shape.max_position_embeddings > 512 ? [512] : [])];
      results.push(
        ...(await besidePeer({ peer, timer, model: `${model} f32`, job: { file, vocabSize }, written, lengths })),
      );
      await engine.close();
    }
  } finally {
    draft.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return results;
}
