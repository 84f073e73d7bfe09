/** Other implementations at the same work in the same run, ours and theirs in turn. */
import { chooseBackend } from '../../../kernels/backends/choose.js';
import { linearCase } from '../../../kernels/ops/linear/bench.js';
import { llamaCpp, tfjsWasmModel, transformersJs } from './models.js';
import { PeerProcess } from './peer-process.js';
import { timeOf } from './serve.js';
import { type PeerResult, sideBySide, tfjsWasm } from './side-by-side.js';

export type { PeerResult } from './side-by-side.js';

export interface PeersOptions {
  readonly folder: string | null;
  readonly threads: number;
}

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
      for (const [name, script, compare] of [
        ['llama.cpp (node-llama-cpp)', 'llama-cpp', llamaCpp],
        ['transformers.js', 'transformers-js', transformersJs],
      ] as const) {
        const peer = await PeerProcess.start(name, script, folder, threads);
        results.push(...(await compare(peer, threads).finally(() => peer.close())));
      }
    }
  }
  return results;
}

async function linearOf(peer: PeerProcess): Promise<PeerResult[]> {
  const { name, version, threads } = peer;
  const results: PeerResult[] = [];
  for (const rows of [1, 64]) {
    const bench = linearCase(rows, N, K, 'f32').prepare();
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
      const bench = linearCase(rows, N, K, 'f32').prepare();
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
