import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { KvCache } from '../../kernels/ops/attention/index.js';
import { logits, tokenLogProb } from '../../kernels/ops/token-log-prob/index.js';
import { toFloat32 } from '../../kernels/tfjs.js';
import { abacusFolder } from '../../models/abacus/paths.js';
import { openCheckpoint, resolveModel } from '../../models/checkpoint/open.js';
import { Decoder } from '../../models/decoder.js';
import { backends, largestDifference } from '../kernels/backend.js';

interface Golden {
  promptIds: number[];
  chunkIds: number[];
  chunkLogprobs: number[];
  lastPromptLogits: number[];
  greedyNext: number[];
}

const goldens = JSON.parse(readFileSync(join(abacusFolder, 'goldens.json'), 'utf8')) as {
  models: Record<string, Golden[]>;
};

function forward(decoder: Decoder, ids: number[], from: number, cache: KvCache): tf.Tensor {
  const T = ids.length - from;
  const positions = Int32Array.from({ length: T }, (_, t) => from + t);
  const pages = Int32Array.from({ length: cache.shape.pages }, (_, page) => page);
  const rows = { positions, slots: positions, tables: new Int32Array(T), pages };
  return decoder.forward(Int32Array.from(ids.slice(from)), rows, cache);
}

for (const backend of backends) {
  for (const [name, cases] of Object.entries(goldens.models)) {
    describe(`${name} on ${backend}, against an independent implementation in float32`, () => {
      let decoder: Decoder;
      before(async () => {
        await chooseBackend(backend);
        decoder = Decoder.load(openCheckpoint(resolveModel(name)));
      });
      after(() => decoder.dispose());
      const some = backend === 'cpu' ? cases.slice(1, 2) : cases;

      it('gives logits within 1e-3', () => {
        for (const golden of some) {
          const cache = new KvCache(decoder.cacheShape(32, 16));
          tf.tidy(() => {
            const hidden = forward(decoder, golden.promptIds, 0, cache);
            const last = tf.slice(hidden, [golden.promptIds.length - 1, 0], [1, decoder.config.hiddenSize]);
            const row = toFloat32(logits(last, decoder.head));
            expect(largestDifference(row, golden.lastPromptLogits)).to.be.below(1e-3);
          });
        }
      });

      it('gives log-probabilities of the true solution within 1e-3', () => {
        for (const golden of some) {
          const cache = new KvCache(decoder.cacheShape(32, 16));
          const ids = [...golden.promptIds, ...golden.chunkIds];
          tf.tidy(() => {
            const hidden = forward(decoder, ids, 0, cache);
            const first = golden.promptIds.length - 1;
            const asking = tf.slice(hidden, [first, 0], [golden.chunkIds.length, decoder.config.hiddenSize]);
            const found = toFloat32(tokenLogProb(asking, decoder.head, Int32Array.from(golden.chunkIds)));
            expect(largestDifference(found, golden.chunkLogprobs)).to.be.below(1e-3);
          });
        }
      });
    });
  }
}
