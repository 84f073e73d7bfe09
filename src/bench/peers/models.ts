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

/**
 * Whole models of one shape. llama.cpp's prefill computes one row of logits; it stands beside our score, which computes
 * a log-probability for every row, too.
 */
export async function llamaCpp(peer: PeerProcess, threads: number): Promise<PeerResult[]> {
  const { name, version } = peer;
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
      const timer = new EngineTimer(engine);
      const compare = async (
        what: string,
        ours: () => Promise<number>,
        job: { kind: 'prefill' | 'decode'; chains: number; tokens: number },
      ) => {
        const subject = { peer: name, version, threads: peer.threads, case: `135M llama ${ggufDtype}, ${what}` };
        results.push(await sideBySide(subject, ours, () => peer.run({ file, ...job })));
      };
      for (const chains of [1, 8]) {
        const job = { kind: 'decode', chains, tokens: decodedTokens } as const;
        await compare(`decode, ${chains} chains`, () => timer.decode(chains, decodedTokens), job);
      }
      for (const tokens of [64, 512]) {
        const job = { kind: 'prefill', chains: 1, tokens } as const;
        await compare(`prefill, ${tokens} tokens`, () => timer.prefill(tokens), job);
        await compare(`score (theirs: prefill), ${tokens} tokens`, () => timer.score(tokens), job);
      }
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
  const { name, version } = peer;
  const folder = mkdtempSync(join(tmpdir(), 'atts-bench-'));
  const results: PeerResult[] = [];
  const draft = openCheckpoint(resolveModel('abacus-llama-0.4m'));
  try {
    for (const [model, checkpoint, shape, tokens] of [
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
          `${model} writes other tokens in ${name}: ${others.join(' ')}, here ${own.join(' ')}`,
        );
      }
      const compare = async (
        what: string,
        ours: () => Promise<number>,
        job: { kind: 'prefill' | 'decode'; chains: number; tokens: number },
      ) => {
        const subject = { peer: name, version, threads: peer.threads, case: `${model} f32, ${what}` };
        results.push(await sideBySide(subject, ours, () => peer.run({ file, vocabSize, ...job })));
      };
      for (const chains of [1, 8]) {
        const job = { kind: 'decode', chains, tokens } as const;
        await compare(`decode, ${chains} chains`, () => timer.decode(chains, tokens), job);
      }
      for (const tokens of [64, ...(shape.max_position_embeddings > 512 ? [512] : [])]) {
        const job = { kind: 'prefill', chains: 1, tokens } as const;
        await compare(`prefill, ${tokens} tokens`, () => timer.prefill(tokens), job);
        await compare(`score (theirs: prefill), ${tokens} tokens`, () => timer.score(tokens), job);
      }
      await engine.close();
    }
  } finally {
    draft.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return results;
}
