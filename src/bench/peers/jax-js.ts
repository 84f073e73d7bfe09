import { values } from '../../../kernels/bench/values.js';
import { load, serve, timeOf } from './serve.js';

interface JaxArray {
  readonly ref: JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  blockUntilReady(): Promise<JaxArray>;
  dispose(): void;
}
interface Jax {
  init(...devices: string[]): Promise<unknown>;
  defaultDevice(device: string): unknown;
  readonly numpy: { array(values: Float32Array): JaxArray; matmul(a: JaxArray, b: JaxArray): JaxArray };
  jit<F>(f: F): F;
}

await serve(async ({ folder }) => {
  const { module: jax, version } = await load<Jax>(folder, '@jax-js/jax');
  await jax.init('wasm');
  jax.defaultDevice('wasm');
  const matmul = jax.jit((a: JaxArray, b: JaxArray) => jax.numpy.matmul(a, b));
  return {
    version,
    threads: 1,
    async run(job) {
      if (job.kind !== 'linear') throw new Error(`jax-js has no ${job.kind}`);
      const { rows, N, K } = job;
      const x = jax.numpy.array(values(rows * K, 2)).reshape([rows, K]);
      const w = jax.numpy.array(values(N * K)).reshape([K, N]);
      const ms = await timeOf(async () => {
        const y = await matmul(x.ref, w.ref).blockUntilReady();
        y.dispose();
      });
      x.dispose();
      w.dispose();
      return ms;
    },
  };
});
