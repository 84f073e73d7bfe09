import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { type BackendName, backendNames } from '../../kernels/backends/names.js';
import { inspectModel } from '../../src/engine/inspect.js';
import { openEngine } from '../../src/engine/open.js';
import { backends } from '../kernels/backend.js';
import { failureOf } from './failure-of.js';

const dtypes = ['auto', 'f32', 'f16', 'bf16', 'q8', 'q4'] as const;
const spec = 'abacus-llama-0.4m';

describe('what inspect says of a model', () => {
  const refusal = (backend: BackendName) => failureOf((async () => inspectModel(spec, { backend, dtype: 'f16' }))());

  for (const backend of backends) {
    it(`is what loading does on ${backend}: the same bytes of weights in every dtype, or the same refusal`, async () => {
      await chooseBackend(backend);
      for (const dtype of dtypes) {
        if (dtype === 'f16') {
          expect(await refusal(backend)).to.deep.equal(await failureOf(openEngine(spec, { backend, dtype })));
          continue;
        }
        const before = tf.memory().numBytes;
        const engine = await openEngine(spec, { backend, dtype });
        const held = tf.memory().numBytes - before;
        await engine.close();
        expect(inspectModel(spec, { backend, dtype }).weightBytes, dtype).to.equal(held);
      }
    });
  }

  it('is a refusal of f16 in one line on all backends but webgpu, installed or not', async () => {
    const message = '--dtype f16 is for --backend webgpu; elsewhere give f32 or bf16';
    for (const backend of backendNames.filter((name) => name !== 'webgpu')) {
      expect(await refusal(backend), backend).to.deep.equal({ code: 'usage', message });
    }
  });
});
