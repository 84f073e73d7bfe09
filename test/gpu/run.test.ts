import { expect } from 'chai';
import { chooseBackend } from '../../kernels/backends/choose.js';
import type { AttsWebGpuBackend } from '../../kernels/backends/webgpu/backend.js';
import { webGpu } from '../../kernels/backends/webgpu/index.js';
import { buildBanks, type ChainRecord, loadDataset, openPair, scale } from '../../src/index.js';
import { largestDifference } from '../kernels/backend.js';
import { smallRun } from '../scaling/embedded.js';

/** What chains wrote and which chunks were rejected; scores are apart, since no two backends have the same bits. */
function writtenBy(chains: readonly ChainRecord[]) {
  const sorted = [...chains].sort((a, b) => a.sample - b.sample);
  const chunks = sorted.flatMap(({ chunks }) => chunks);
  const scores = chunks.flatMap(({ score }) => score ?? []);
  return { chunks: chunks.map(({ author, ids, rejected }) => ({ author, ids, rejected })), scores };
}

const outOfMemory = () =>
  new GPUUncapturedErrorEvent('uncapturederror', { error: new GPUOutOfMemoryError('no memory is left') });

describe('a run on webgpu', () => {
  const config = smallRun({ ...{ samples: 3, turns: 3, draftTokens: 8, targetTokens: 8, calibration: 'marginal' } });
  const models = { draft: config.draft, target: config.target, memory: 8 };

  it('writes the chains of the CPU kernels, though its device has no memory left in the middle of it', async () => {
    const dataset = await loadDataset('abacus', { limit: 1 });
    const calibration = await loadDataset('abacus', { limit: 6, split: 'calibration' });
    const cpu = await openPair({ ...models, backend: 'simd' });
    const [draft, target] = [cpu.draft!, cpu.target!];
    const bank = await buildBanks({ config, draft, target, dataset: calibration });
    const expected = writtenBy((await scale({ config, ...cpu, dataset, bank })).chains);
    await cpu.close();

    const notes: string[] = [];
    let passes = 0;
    let first: AttsWebGpuBackend | undefined;
    const onPass = () => {
      if (++passes !== 20) return;
      first = webGpu();
      const { device, isSoftware } = first;
      // SwiftShader has no memory for the largest buffer that it allows, and says so; others are made to say so.
      if (isSoftware && device.limits.maxStorageBufferBindingSize >= 2 ** 30) first.allocate(2 ** 30, 'too much');
      else device.dispatchEvent(outOfMemory());
    };
    await chooseBackend('webgpu');
    const pair = await openPair({ ...models, backend: 'webgpu', onPass, onNote: (note) => notes.push(note) });
    const found = writtenBy((await scale({ config, ...pair, dataset, bank })).chains);
    await pair.close();

    expect(found.chunks).to.deep.equal(expected.chunks);
    expect(found.chunks.map(({ author }) => author)).to.include.members(['draft', 'target']);
    expect(found.scores.length).to.be.above(3);
    expect(largestDifference(found.scores, expected.scores)).to.be.below(1e-3);
    expect(webGpu(), 'another device').not.to.equal(first);
    const smaller = /^abacus-qwen3-2m: the GPU has no memory left; going on with a cache of 1.88 MiB$/;
    expect(notes.filter((note) => smaller.test(note))).to.have.length(1);
  });
});
