import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { AttsWebGpuBackend } from '../../kernels/backends/webgpu/backend.js';
import { webGpu } from '../../kernels/backends/webgpu/index.js';
import { KvCache } from '../../kernels/ops/attention/index.js';
import { takeRows } from '../../kernels/ops/take-rows/index.js';
import { logits, tokenLogProb } from '../../kernels/ops/token-log-prob/index.js';
import { readAll } from '../../kernels/tfjs.js';
import { abacusFolder } from '../../models/abacus/paths.js';
import { openCheckpoint, resolveModel } from '../../models/checkpoint/open.js';
import { Decoder } from '../../models/decoder.js';
import { ModelRunner } from '../../src/engine/local/model-runner.js';
import { type Engine, openEngine } from '../../src/index.js';
import { largestDifference } from '../kernels/backend.js';

interface Golden {
  promptIds: number[];
  chunkIds: number[];
  chunkLogprobs: number[];
  lastPromptLogits: number[];
}

const goldens = JSON.parse(readFileSync(join(abacusFolder, 'goldens.json'), 'utf8')) as {
  models: Record<string, Golden[]>;
};

const range = (n: number) => Int32Array.from({ length: n }, (_, i) => i);

for (const [name, cases] of Object.entries(goldens.models)) {
  describe(`${name} on webgpu`, () => {
    let decoder: Decoder;
    before(async () => {
      await chooseBackend('webgpu');
      decoder = Decoder.load(openCheckpoint(resolveModel(name)));
    });
    after(() => decoder.dispose());

    it('gives logits and log-probabilities within 1e-3 of an independent implementation', async () => {
      for (const golden of cases.slice(0, 2)) {
        const ids = Int32Array.from([...golden.promptIds, ...golden.chunkIds]);
        const T = ids.length;
        const last = golden.promptIds.length - 1;
        const cache = new KvCache(decoder.cacheShape(Math.ceil(T / 16), 16));
        const rows = {
          positions: range(T),
          slots: range(T),
          tables: new Int32Array(T),
          pages: range(Math.ceil(T / 16)),
        };
        const made = tf.tidy(() => {
          const hidden = decoder.forward(ids, rows, cache);
          const asking = takeRows(
            hidden,
            range(golden.chunkIds.length).map((i) => last + i),
          );
          return [
            logits(takeRows(hidden, Int32Array.of(last)), decoder.head),
            tokenLogProb(asking, decoder.head, Int32Array.from(golden.chunkIds)),
          ];
        });
        const [row, logProbs] = await readAll(made);
        tf.dispose(made);
        cache.dispose();
        expect(largestDifference(row, golden.lastPromptLogits)).to.be.below(1e-3);
        expect(largestDifference(logProbs, golden.chunkLogprobs)).to.be.below(1e-3);
      }
    });

    it('takes one submit a pass and at most seven dispatches a layer', async () => {
      const cache = new KvCache(decoder.cacheShape(20, 32));
      const backend = webGpu();
      const before = { ...backend.counts };
      // A decode row far enough in its sequence that attention is split among workgroups.
      const rows = {
        positions: Int32Array.of(600),
        slots: Int32Array.of(600),
        tables: Int32Array.of(0),
        pages: range(20),
      };
      const made = tf.tidy(() => logits(decoder.forward(Int32Array.of(1), rows, cache), decoder.head));
      await readAll([made]);
      made.dispose();
      cache.dispose();
      expect(backend.counts.submits - before.submits).to.equal(1);
      const outside = 3; // embedding, last norm, logits
      expect(backend.counts.dispatches - before.dispatches - outside).to.be.at.most(7 * decoder.config.layers);
    });
  });
}

describe('an engine on webgpu', () => {
  it('writes the tokens and gives the scores of the CPU kernels, chains side by side', async () => {
    const name = Object.keys(goldens.models)[0];
    const work = async (engine: Engine) => {
      const prefix = engine.tokenizer.chat([{ role: 'user', content: 'Start with 5. Add 3. Double it.' }]);
      const chains = await Promise.all(
        [0, 1, 2, 3].map((sample) =>
          engine.generate({
            ...{ prefix, maxTokens: 24, temperature: 0.8, topP: 0.95 },
            key: { seed: 1, problem: 'webgpu', sample, role: 'draft' },
          }),
        ),
      );
      const chunk = { ids: chains[0].ids, text: chains[0].text, fingerprint: prefix.fingerprint };
      const { logProbs } = await engine.score({ prefix, chunk });
      await engine.close();
      return { ids: chains.map(({ ids }) => ids), logProbs };
    };
    const simd = await work(await openEngine(name, { backend: 'simd', memory: 8 }));
    const gpu = await work(await openEngine(name, { backend: 'webgpu', memory: 8 }));
    expect(gpu.ids).to.deep.equal(simd.ids);
    expect(largestDifference(gpu.logProbs, simd.logProbs)).to.be.below(1e-3);
  });

  it('goes on with another device after one was lost, compiled ahead for, to the same tokens', async () => {
    const compiledFor: AttsWebGpuBackend[] = [];
    const { compileAhead } = AttsWebGpuBackend.prototype;
    AttsWebGpuBackend.prototype.compileAhead = function (body) {
      compiledFor.push(this);
      return compileAhead.call(this, body);
    };
    const name = Object.keys(goldens.models)[0];
    const write = async (lostAt: number) => {
      let passes = 0;
      const onPass = () => {
        if (++passes === lostAt) webGpu().device.destroy();
      };
      const engine = await openEngine(name, { backend: 'webgpu', memory: 8, onPass });
      const prefix = engine.tokenizer.chat([{ role: 'user', content: 'Start with 5. Add 3. Double it.' }]);
      const chains = await Promise.all(
        [0, 1].map((sample) =>
          engine.generate({
            ...{ prefix, maxTokens: 12, temperature: 0.8, key: { seed: 1, problem: 'lost', sample, role: 'draft' } },
          }),
        ),
      );
      await engine.close();
      return chains.map(({ ids }) => ids);
    };
    try {
      const undisturbed = await write(-1);
      expect(await write(5)).to.deep.equal(undisturbed);
    } finally {
      AttsWebGpuBackend.prototype.compileAhead = compileAhead;
    }
    expect(compiledFor).to.have.lengthOf(3);
    expect(compiledFor[2]).to.equal(webGpu()).and.not.to.equal(compiledFor[1]);
  });

  it('names ahead every program that passes of one row, of many, and of long sequences run', async () => {
    const name = Object.keys(goldens.models)[0];
    await chooseBackend('webgpu');
    const { programs } = webGpu();
    const compiled = programs.names.length;
    const decoder = Decoder.load(openCheckpoint(resolveModel(name)));
    const runner = new ModelRunner(decoder, decoder.cacheShape(16, 32));
    const ahead = programs.namedBy(() => runner.rehearse());
    runner.dispose();
    decoder.dispose();
    expect(programs.names, 'compiled').to.have.lengthOf(compiled);

    const run = new Set<string>();
    const get = programs.get.bind(programs);
    programs.get = (key, code) => {
      run.add(key);
      return get(key, code);
    };
    const engine = await openEngine(name, { backend: 'webgpu', memory: 8 });
    const prefix = engine.tokenizer.chat([{ role: 'user', content: 'Start with 5. Add 3. Double it.' }]);
    const write = (sample: number, temperature: number) =>
      engine.generate({ prefix, maxTokens: 3, temperature, key: { seed: 1, problem: '', sample, role: 'draft' } });
    await write(0, 0);
    await Promise.all([0, 1, 2, 3].map((sample) => write(sample, 0.8)));
    await engine.score({ prefix, chunk: prefix });
    await engine.close();
    programs.get = get;
    expect(run.size).to.be.above(15);
    expect([...ahead.keys()]).to.include.members([...run]);
  });

  it('gives back what it took of the device', async () => {
    const open = () => openEngine(Object.keys(goldens.models)[0], { backend: 'webgpu', memory: 8 });
    await (await open()).close();
    const before = tf.memory().numTensors;
    await (await open()).close();
    expect(tf.memory().numTensors).to.equal(before);
  });
});
