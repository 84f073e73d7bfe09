/** Both builds of ONNX Runtime that JavaScript has: native and WebAssembly. */
import { values } from '../../../kernels/bench/values.js';
import { matMulModel } from './onnx-model.js';
import { type LinearJob, load, type PeerJob, type PeerLibrary, type PeerOptions, timeOf } from './serve.js';

interface Session {
  run(feeds: Record<string, unknown>): Promise<unknown>;
  release(): Promise<void>;
}
interface Ort {
  readonly env: { readonly wasm: { numThreads: number } };
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
  readonly Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => unknown;
}

export async function openOnnxRuntime(
  name: 'onnxruntime-node' | 'onnxruntime-web',
  { folder, threads }: PeerOptions,
): Promise<PeerLibrary> {
  const loaded = await load<Ort & { default?: Ort }>(folder, name);
  const ort = loaded.module.default ?? loaded.module;
  if (name === 'onnxruntime-web') ort.env.wasm.numThreads = threads;
  const options = { intraOpNumThreads: threads, interOpNumThreads: 1, graphOptimizationLevel: 'all' };
  let open: { key: string; session: Session; feeds: Record<string, unknown> } | null = null;
  const prepare = async ({ rows, N, K }: LinearJob) => {
    const key = JSON.stringify([rows, N, K]);
    if (open?.key === key) return open;
    await open?.session.release();
    const session = await ort.InferenceSession.create(matMulModel(rows, N, K, values(N * K)), options);
    open = { key, session, feeds: { x: new ort.Tensor('float32', values(rows * K, 2), [rows, K]) } };
    return open;
  };
  return {
    version: loaded.version,
    threads,
    async run(job: PeerJob) {
      if (job.kind !== 'linear') throw new Error(`${name} has no ${job.kind}`);
      const { session, feeds } = await prepare(job);
      return timeOf(() => session.run(feeds));
    },
  };
}
