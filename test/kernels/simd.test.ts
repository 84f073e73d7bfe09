import { spawnSync } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { maddRounding, selectBuild } from '../../kernels/backends/simd/builds.js';
import { control, reservedBytes } from '../../kernels/backends/simd/control.js';
import { type SimdName, simd, simdNames } from '../../kernels/backends/simd/index.js';
import { Heap } from '../../kernels/backends/simd/memory.js';
import { ThreadPool } from '../../kernels/backends/simd/pool.js';
import { float16 } from '../../kernels/float16.js';
import { embedding, packEmbedding } from '../../kernels/ops/embedding/index.js';
import { gatedMlp, packGatedMlp } from '../../kernels/ops/gated-mlp/index.js';
import { linear, packLinear, storedValues, type WeightDtype, weightDtypes } from '../../kernels/ops/linear/index.js';
import { isQuantised, quantisedFormats } from '../../kernels/ops/linear/quantise.js';
import { packHead, tokenLogProb } from '../../kernels/ops/token-log-prob/index.js';
import { toFloat32 } from '../../kernels/tfjs.js';
import { largestDifference, linearOnce, on, product, values } from './backend.js';

/** Largest error of a product of values in (−1, 1): float32 sums, or activations rounded to 16 bits a group of 32. */
function roundingOf(dtype: WeightDtype): number {
  return isQuantised(dtype) ? 4e-5 : 4e-6;
}

async function withThreads<T>(backend: SimdName, threads: number, body: () => T): Promise<T> {
  await chooseBackend(backend, threads);
  return body();
}

for (const backend of simdNames) {
  describe(`kernels of ${backend}`, () => {
    after(() => simd(backend).setThreads(2));

    for (const dtype of weightDtypes) {
      it(`multiplies ${dtype} weights of any shape as their float32 values in double precision`, () =>
        on(backend, () => {
          fc.assert(
            fc.property(
              ...[fc.integer({ min: 1, max: 14 }), fc.integer({ min: 1, max: 75 }), fc.integer({ min: 1, max: 700 })],
              fc.nat({ max: 1000 }),
              (M, N, K, seed) =>
                tf.tidy(() => {
                  const [x, w] = [values(M * K, seed), values(N * K, seed + 1)];
                  const bias = values(N, seed + 2);
                  const y = toFloat32(linearOnce(x, w, [M, N, K], { dtype, bias }));
                  const expected = product(x, storedValues(w, N, K, dtype), M, N, K);
                  const shifted = expected.map((value, i) => value + bias[i % N]);
                  expect(largestDifference(y, shifted)).to.be.below(roundingOf(dtype) * Math.sqrt(K) + 1e-5);
                }),
            ),
            { numRuns: 40 },
          );
        }));

      if (isQuantised(dtype)) {
        it(`takes every float16 number as a scale of ${dtype}, subnormal ones included`, () =>
          on(backend, () => {
            const { group, mostSteps } = quantisedFormats[dtype];
            const scales = Float32Array.from({ length: 0x10000 }, (_, bits) => float16(bits)).filter(Number.isFinite);
            const N = scales.length;
            const [K, units] = [32, mostSteps > 0 ? scales : new Float32Array()];
            // The first value of a row is 1, the others are 0, and scales are one unit.
            const matrix = {
              ...{ dtype, N, K, scaleUnits: units, minUnits: units.map(() => 0) },
              scales: new Float32Array((N * K) / group).map((_, i) => scales[Math.floor((i * group) / K)]),
              mins: new Float32Array((N * K) / group),
              values: new Int8Array(N * K).map((_, i) => (i % K === 0 ? 1 : 0)),
            };
            for (const M of [1, 7]) {
              const y = tf.tidy(() =>
                toFloat32(linearOnce(new Float32Array(M * K).fill(1), matrix, [M, N, K], { dtype })),
              );
              const isFar = (value: number, i: number) =>
                Math.abs(value / scales[i % N] - 1) > 1e-6 || (scales[i % N] === 0 && value !== 0);
              expect(y.findIndex(isFar)).to.equal(-1);
            }
          }));
      }

      it(`gives a row of ${dtype} the same bits in any batch and with any number of threads`, async () => {
        const [N, K, most] = [203, 544, 40];
        const x = values(most * K, 5);
        const rowsOf = (M: number) =>
          tf.tidy(() => [...toFloat32(linearOnce(x.slice(0, M * K), values(N * K, 6), [M, N, K], { dtype }))]);
        const all = await withThreads(backend, 1, () => rowsOf(most));
        for (const threads of [1, 2, 3]) {
          for (const M of [1, 2, 3, 4, 5, 6, 7, 13, most]) {
            const some = await withThreads(backend, threads, () => rowsOf(M));
            expect(some, `${M} rows, ${threads} threads`).to.deep.equal(all.slice(0, M * N));
          }
        }
      });

      it(`gives a feature of ${dtype} the same bits in a matrix that caches hold and in a larger one`, () =>
        on(backend, () =>
          tf.tidy(() => {
            for (const [K, N, few] of [
              [344, 800, 75],
              [1100, 260, 75],
            ]) {
              const w = values(N * K, 6);
              const rowsOf = (M: number, features: number) => {
                const shape = [M, features, K] as const;
                const y = toFloat32(linearOnce(values(M * K, 5), w.slice(0, features * K), shape, { dtype }));
                return Array.from({ length: M }, (_, m) => [...y.slice(m * features, m * features + few)]);
              };
              for (const M of [1, 2, 3, 5]) expect(rowsOf(M, N), `${M} rows`).to.deep.equal(rowsOf(M, few));
            }
          }),
        ));

      it(`reads ${dtype} embeddings out of the head's panels`, () =>
        on(backend, () =>
          tf.tidy(() => {
            const [V, d] = [21, 96];
            const w = values(V * d, 3);
            const head = packHead(w, V, d, { dtype });
            const table = packEmbedding(w, V, d, { tiedHead: head });
            const rows = toFloat32(embedding(table, Int32Array.of(20, 0, 7), 1));
            const meant = storedValues(w, V, d, dtype);
            for (const [i, id] of [20, 0, 7].entries()) {
              const row = meant.slice(id * d, (id + 1) * d);
              expect(largestDifference(rows.slice(i * d, (i + 1) * d), row)).to.be.below(1e-6);
            }
            head.dispose();
          }),
        ));

      it(`gatedMlp and tokenLogProb of ${dtype} agree with the cpu reference, at any number of rows`, async () => {
        const [d, f, V] = [72, 52, 301];
        const matrices = { d, f, gate: values(f * d, 1), up: values(f * d, 2), down: values(d * f, 3) };
        const headValues = values(V * d, 4);
        const norm = values(d, 9);
        for (const M of [1, 2, 3, 5, 8]) {
          const x = values(M * d, 10 + M);
          const ids = Int32Array.from({ length: M }, (_, i) => (i * 97) % V);
          const run = () =>
            tf.tidy(() => {
              const mlp = packGatedMlp(matrices, dtype);
              const head = packHead(headValues, V, d, { dtype });
              const input = tf.tensor2d(x, [M, d]);
              const y = gatedMlp(input, mlp, 'silu', {
                residual: input,
                norm: { weight: tf.tensor1d(norm), epsilon: 1e-6 },
              });
              const result = [toFloat32(y), toFloat32(tokenLogProb(input, head, ids))];
              mlp.dispose();
              head.dispose();
              return result;
            });
          const [ours, ourLogProbs] = await on(backend, run);
          const [theirs, theirLogProbs] = await on('cpu', run);
          const largest = theirs.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
          expect(largestDifference(ours, theirs)).to.be.below(roundingOf(dtype) * largest * 4);
          expect(largestDifference(ourLogProbs, theirLogProbs)).to.be.below(2e-4);
        }
      });
    }
  });
}

describe('the simd backend', () => {
  it('keeps quantised scores within 1e-3 nats of the same weights in float32', () =>
    on('simd', () =>
      tf.tidy(() => {
        const [T, V, d] = [32, 1000, 256];
        const w = values(V * d, 1).map((v) => v * 0.3);
        const hidden = tf.tensor2d(values(T * d, 2), [T, d]);
        const ids = Int32Array.from({ length: T }, (_, i) => (i * 31) % V);
        for (const dtype of ['q8', 'q4'] as const) {
          const quantised = packHead(w, V, d, { dtype });
          const same = packHead(storedValues(w, V, d, dtype), V, d);
          const [a, b] = [quantised, same].map((head) => toFloat32(tokenLogProb(hidden, head, ids)));
          expect(largestDifference(a, b)).to.be.below(1e-3);
          for (const head of [quantised, same]) head.dispose();
        }
      }),
    ));

  it('leaks no view: what a stock op gives keeps its values when the memory is used again', () =>
    on('simd', () =>
      tf.tidy(() => {
        const weights = packLinear(values(64 * 64, 1), 64, 64);
        const x = tf.tensor2d(values(4 * 64, 2), [4, 64]);
        const y = linear(x, weights);
        const read = y.dataSync();
        const row = tf.slice(y, [0, 0], [1, 64]); // the cpu backend makes this a view
        const before = [...row.dataSync()];
        const copy = [...read];
        y.dispose();
        for (let i = 0; i < 8; i++) linear(tf.tensor2d(values(4 * 64, 7 + i), [4, 64]), weights);
        expect([...row.dataSync()]).to.deep.equal(before);
        expect([...read]).to.deep.equal(copy);
        weights.dispose();
      }),
    ));

  it('uses its memory again: 10,000 jobs leave it as large as the first hundred', () =>
    on('simd', () => {
      const weights = packLinear(values(96 * 64, 1), 96, 64);
      const x = tf.tensor2d(values(3 * 64, 2), [3, 64]);
      const many = (n: number) => {
        for (let i = 0; i < n; i++) linear(x, weights).dispose();
      };
      many(100);
      const { extent } = simd().heap;
      many(10_000);
      expect(simd().heap.extent).to.equal(extent);
      x.dispose();
      weights.dispose();
    }));

  it('says where the memory ends, in one line', () => {
    const heap = new Heap(reservedBytes, 2 ** 24);
    expect(() => heap.allocate(2 ** 25)).to.throw('use a smaller dtype or a lower --memory');
    const { pointer } = heap.allocate(1000);
    expect(pointer % 64).to.equal(0);
  });

  it('does a job alone where no worker has come to it', async () => {
    const heap = new Heap(reservedBytes);
    const pool = new ThreadPool((await selectBuild()).module, heap.memory, 2, 2000);
    const [x, weight, y] = [1, 2, 3].map(() => heap.allocate(64).pointer);
    heap.float32(x, 4).set([3, 3, 3, 3]);
    heap.float32(weight, 4).set([1, 2, 3, 4]);
    // The worker's thread takes much longer to begin than this job does.
    pool.run('rmsNorm', [x, 1, weight, 4, 0, y], { 4: 0 });
    expect([...heap.float32(y, 4)]).to.deep.equal([1, 2, 3, 4]);
    const joined = new Int32Array(heap.memory.buffer)[control.joined / 4];
    expect(joined & 0xffff).to.equal(1);
    await pool.close();
  });

  it('a worker that is killed is one clear error, not a hang', async () => {
    const heap = new Heap(reservedBytes);
    const pool = new ThreadPool((await selectBuild()).module, heap.memory, 2, 2000);
    pool.run('nothing', []);
    await pool.workers[0].terminate();
    expect(() => pool.run('nothing', [])).to.throw(
      /the CPU kernels stopped: .*worker thread.*; start the command again/,
    );
    expect(() => pool.run('nothing', [])).to.throw('the CPU kernels stopped');
  });

  it('a worker that is killed in the middle of a job is one, too', async () => {
    const heap = new Heap(reservedBytes);
    const pool = new ThreadPool((await selectBuild()).module, heap.memory, 2, 2000);
    pool.run('nothing', []);
    // Its exit is not heard of before the next job begins.
    const ended = pool.workers[0].terminate();
    await new Promise((resolve) => setTimeout(resolve, 0));
    const started = performance.now();
    expect(() => {
      for (let i = 0; i < 1e6; i++) pool.run('nothing', []);
    }).to.throw('the CPU kernels stopped');
    expect(performance.now() - started).to.be.below(60_000);
    await ended;
  });

  it('a job that traps is one clear error on every thread', async () => {
    const heap = new Heap(reservedBytes);
    const pool = new ThreadPool((await selectBuild()).module, heap.memory, 2, 2000);
    // An address far outside of the memory.
    expect(() => pool.run('read', [0xfff00000 | 0, 1 << 26, 1024])).to.throw('the CPU kernels stopped');
    await pool.close();
  });

  it('ends with its process, and lets it end', () => {
    const script = `
      import { chooseBackend } from '${new URL('../../kernels/backends/choose.js', import.meta.url)}';
      await chooseBackend('simd', 4);
      process.stdout.write('done');`;
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect({ stdout, status }).to.deep.equal({ stdout: 'done', status: 0 });
  });

  it('works beside other worker threads of the process', async () => {
    const busy = new Worker('for (;;) {}', { eval: true });
    try {
      await on('simd', () =>
        tf.tidy(() => {
          const weights = packLinear(values(256 * 256, 1), 256, 256);
          const x = tf.tensor2d(values(8 * 256, 2), [8, 256]);
          const first = [...linear(x, weights).dataSync()];
          for (let i = 0; i < 50; i++) expect([...linear(x, weights).dataSync()]).to.deep.equal(first);
          weights.dispose();
        }),
      );
    } finally {
      await busy.terminate();
    }
  });

  it('tests the relaxed instruction that it uses before it uses it', async () => {
    const { name, module } = await selectBuild();
    if (name === 'plain') return;
    expect(name).to.equal(`relaxed-${maddRounding(module)}`);
  });
});
