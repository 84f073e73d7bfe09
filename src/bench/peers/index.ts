/** Other implementations at the same work in the same run, ours and theirs in turn. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { version_core } from '@tensorflow/tfjs-core';
import { chooseBackend } from '../../../kernels/backends/choose.js';
import { linearCase } from '../../../kernels/ops/linear/bench.js';
import { median } from '../../statistics/index.js';
import { openRandomEngine } from '../engine-cases.js';
import { EngineTimer } from '../engine-timer.js';
import { writeGguf } from '../gguf-file.js';
import { decodedTokens } from '../model.js';
import { randomCheckpoint, smolLm2Shape } from '../random-checkpoint.js';
import { PeerProcess } from './peer-process.js';
import { timeOf } from './serve.js';

/** ratio over 1: ours is better. */
export interface PeerResult {
  readonly peer: string;
  readonly version: string;
  readonly threads: number;
  readonly case: string;
  readonly ours: number;
  readonly theirs: number;
  readonly unit: string;
  readonly ratio: number;
}

export interface PeersOptions {
  readonly folder: string | null;
  readonly threads: number;
}

const pairs = 5;
const [K, N] = [2048, 8192];

export async function benchPeers(
  parts: { linear: boolean; model: boolean },
  { folder, threads }: PeersOptions,
): Promise<readonly PeerResult[]> {
  const results: PeerResult[] = [];
  if (parts.linear) {
    results.push(...(await tfjsWasmLinear()));
    if (folder !== null) {
      for (const name of ['onnxruntime-node', 'onnxruntime-web', 'jax-js']) {
        const peer = await PeerProcess.start(name, name, folder, threads);
        results.push(...(await linearOf(peer).finally(() => peer.close())));
      }
    }
  }
  if (parts.model) {
    results.push(...(await tfjsWasmModel(threads)));
    if (folder !== null) {
      const peer = await PeerProcess.start('llama.cpp (node-llama-cpp)', 'llama-cpp', folder, threads);
      results.push(...(await llamaCpp(peer, threads).finally(() => peer.close())));
    }
  }
  return results;
}

type Subject = Pick<PeerResult, 'peer' | 'version' | 'threads' | 'case'>;

/** Medians of `pairs` turns of each side, after one that is not counted. */
async function sideBySide(
  subject: Subject,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<PeerResult> {
  const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  for (let pair = -1; pair < pairs; pair++) {
    const [own, other] = [await ours(), await theirs()];
    if (pair < 0) continue;
    times.ours.push(own);
    times.theirs.push(other);
  }
  const [own, other] = [median(times.ours), median(times.theirs)];
  process.stderr.write(`${subject.peer}: ${subject.case}\n`);
  return { ...subject, ours: own, theirs: other, unit: 'ms', ratio: other / own };
}

async function linearOf(peer: PeerProcess): Promise<PeerResult[]> {
  const { name, version, threads } = peer;
  const results: PeerResult[] = [];
  for (const rows of [1, 64]) {
    const bench = linearCase(rows, N, K, 'f32');
    const subject = { peer: name, version, threads, case: `linear f32, ${rows} rows, ${K} → ${N}` };
    const theirs = () => peer.run({ kind: 'linear', rows, N, K });
    results.push(await sideBySide(subject, () => timeOf(bench.run), theirs));
    bench.dispose();
  }
  return results;
}

/** The float32 product of tfjs's own wasm backend, which has one thread here, as it has in Node. */
async function tfjsWasmLinear(): Promise<PeerResult[]> {
  const results: PeerResult[] = [];
  for (const rows of [1, 64]) {
    const on = async (backend: 'simd' | 'wasm') => {
      await chooseBackend(backend);
      const bench = linearCase(rows, N, K, 'f32');
      return timeOf(bench.run).finally(() => bench.dispose());
    };
    const subject = { ...tfjsWasm, case: `linear f32, ${rows} rows, ${K} → ${N}` };
    results.push(
      await sideBySide(
        subject,
        () => on('simd'),
        () => on('wasm'),
      ),
    );
  }
  await chooseBackend('simd');
  return results;
}

const tfjsWasm = { peer: '@tensorflow/tfjs-backend-wasm', version: version_core, threads: 1 };

/** The same engine on the stock backend. */
async function tfjsWasmModel(threads: number): Promise<PeerResult[]> {
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
async function llamaCpp(peer: PeerProcess, threads: number): Promise<PeerResult[]> {
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
