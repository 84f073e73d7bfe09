import { expect } from 'chai';
import { webGpu } from '../../kernels/backends/webgpu/index.js';
import { openEngine, type PassRecord } from '../../src/index.js';

describe('times of ops on a GPU', () => {
  it('are those of every op in its order, by timestamps of the device, and change no token', async () => {
    const passes: PassRecord[] = [];
    const key = { seed: 0, problem: '', sample: 0, role: 'test' };
    const generated: (readonly number[])[] = [];
    for (const timeOps of [1, undefined]) {
      const onPass = (pass: PassRecord) => void passes.push(pass);
      const engine = await openEngine('abacus-llama-0.4m', { backend: 'webgpu', timeOps, onPass });
      const prefix = { ids: [1, 2, 3, 4, 5], text: '', fingerprint: engine.tokenizer.fingerprint };
      generated.push((await engine.generate({ prefix, maxTokens: 3, temperature: 0, key })).ids);
      await engine.close();
    }
    expect(generated[0]).to.deep.equal(generated[1]);
    const timed = passes.slice(0, passes.length / 2);
    if (!webGpu().device.features.has('timestamp-query')) {
      expect(timed.every(({ ops }) => ops === undefined)).to.equal(true);
      return;
    }
    const inLayer = ['qkv', 'rope', 'attention', 'output', 'mlp'];
    const order = ['embedding', ...inLayer, ...inLayer, ...inLayer, ...inLayer, 'norm', 'head', 'sample'];
    for (const { ops, seconds } of timed) {
      expect(ops!.map(({ op }) => op)).to.deep.equal(order);
      expect(ops!.map(({ layer }) => layer).filter((layer) => layer === 3)).to.have.length(5);
      expect(Math.min(...ops!.map((op) => op.seconds))).to.be.at.least(0);
      expect(ops!.reduce((sum, op) => sum + op.seconds, 0)).to.be.within(0, seconds);
    }
    for (const { ops } of passes.slice(timed.length)) expect(ops).to.equal(undefined);
  });
});
