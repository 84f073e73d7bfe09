import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { webGpu } from '../../kernels/backends/webgpu/index.js';
import { rmsNorm } from '../../kernels/ops/rms-norm/index.js';
import { packHead, tokenLogProb } from '../../kernels/ops/token-log-prob/index.js';
import { linearOnce, values } from '../kernels/backend.js';
import { runAttention } from './attention-passes.js';
import { on } from './on-both.js';

const range = (n: number, first = 0) => Array.from({ length: n }, (_, i) => first + i);

describe('subgroups', () => {
  let found = 1;
  before(async function () {
    await chooseBackend('webgpu');
    found = webGpu().lanes;
    if (found === 1) this.skip();
  });
  afterEach(() => {
    webGpu().lanes = found;
  });

  /** The same with subgroups, and through workgroup memory alone. */
  async function bothWays(run: () => Promise<ArrayLike<number>>) {
    const withThem = await run();
    webGpu().lanes = 1;
    return { withThem: Array.from(withThem), without: Array.from(await run()) };
  }

  const product = (M: number, options: Parameters<typeof linearOnce>[3]) =>
    linearOnce(values(M * 300, 5), values(40 * 300, 2), [M, 40, 300], options);

  const cases: Record<string, () => Promise<ArrayLike<number>>> = {
    rmsNorm: () =>
      on('webgpu', () => rmsNorm(tf.tensor2d(values(500, 1), [2, 250]), tf.tensor1d(values(250, 2)), 1e-6)),
    'linear with a norm': () =>
      on('webgpu', () => product(1, { norm: { weight: tf.tensor1d(values(300, 4)), epsilon: 1e-5 } })),
    'linear of quantised weights, by few rows': () => on('webgpu', () => product(2, { dtype: 'q8' })),
    'linear of quantised weights, by many rows': () => on('webgpu', () => product(18, { dtype: 'q8' })),
    'linear of float16 weights': () => on('webgpu', () => product(18, { dtype: 'f16' })),
    tokenLogProb: () =>
      on('webgpu', () => {
        const head = packHead(values(300 * 40, 2), 300, 40);
        const y = tokenLogProb(tf.tensor2d(values(80, 1), [2, 40]), head, Int32Array.of(7, 299));
        head.dispose();
        return y;
      }),
    'attention with norms of heads': async () => {
      const shape = { heads: 3, kvHeads: 1, headDim: 32, pageSize: 4, window: 40, norms: true };
      const [y] = await runAttention('webgpu', shape, [[{ pages: range(18, 1), from: 0, to: 61 }]]);
      return y;
    },
  };
  for (const [name, run] of Object.entries(cases)) {
    it(`change no bit of ${name}`, async () => {
      const { withThem, without } = await bothWays(run);
      expect(withThem).to.deep.equal(without);
    });
  }
});
