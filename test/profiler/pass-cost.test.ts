import { expect } from 'chai';
import fc from 'fast-check';
import { inspectCheckpoint } from '../../models/inspect.js';
import { inspectModel } from '../../src/engine/inspect.js';
import { hardwareOf, rooflineTime } from '../../src/profiler/hardware.js';
import { modelShapes } from '../../src/profiler/model-shapes.js';
import {
  type ModelShape,
  matrixParameters,
  passCost,
  passCosts,
  shapeOf,
  totalBytes,
} from '../../src/profiler/pass-cost.js';
import { type ModelProfile, passTimer } from '../../src/profiler/profile.js';
import { smallCheckpoint, smallConfigs } from '../models/checkpoint/small-model.js';
import { anyShape, positive } from './model-shape.js';

const float32 = { weight: 4, cache: 4 };

/** By hand: two operations a weight and row, four a cached token, head and dimension, and what norms and the like take. */
function closedForm(
  shape: ModelShape,
  T: number,
  cached: number,
  sampled: number,
): { matrices: number; attention: number } {
  const { layers: L, hiddenSize: d, intermediateSize: f, heads: h, kvHeads: k, headDim: c, vocabSize: V } = shape;
  const seen = T * cached + (T * (T + 1)) / 2;
  return {
    matrices: 2 * T * L * (d * c * (h + 2 * k) + h * c * d + 3 * d * f) + 2 * sampled * V * d,
    attention: L * seen * h * (4 * c + 3),
  };
}

describe('cost of a forward pass', () => {
  it('is the closed form of any decoder: matrices, attention, and little besides', () => {
    fc.assert(
      fc.property(anyShape, positive(64), fc.integer({ min: 0, max: 500 }), (shape, T, cached) => {
        const rows = { sequences: [{ cached, rows: T }], sampled: 1, scored: 0 };
        const costs = passCosts(shape, rows, float32);
        const { matrices, attention } = closedForm(shape, T, cached, 1);
        const { layers, intermediateSize: f } = shape;
        expect(costs.qkv.flops + costs.output.flops + costs.mlp.flops + costs.head.flops).to.equal(
          matrices + 5 * T * layers * f,
        );
        expect(costs.attention.flops).to.equal(attention);
        const weights = Object.values(costs).reduce((sum, { bytes }) => sum + bytes.weights, 0);
        const norms = 4 * (2 * layers + 1) * shape.hiddenSize;
        const embedding = 4 * T * shape.hiddenSize;
        expect(weights).to.equal(4 * matrixParameters(shape) + norms + embedding);
      }),
    );
  });

  it('adds up: a generation of n tokens costs its n passes, whatever shares them', () => {
    fc.assert(
      fc.property(
        anyShape,
        fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 8 }),
        (shape, contexts) => {
          const one = (cached: number) =>
            passCost(shape, { sequences: [{ cached, rows: 1 }], sampled: 1, scored: 0 }, float32);
          const together = passCost(
            shape,
            { sequences: contexts.map((cached) => ({ cached, rows: 1 })), sampled: contexts.length, scored: 0 },
            float32,
          );
          const sum = (of: (cost: ReturnType<typeof one>) => number) =>
            contexts.reduce((total, cached) => total + of(one(cached)), 0);
          expect(together.flops).to.equal(sum(({ flops }) => flops));
          expect(together.bytes.cache).to.equal(sum(({ bytes }) => bytes.cache));
          // What a batch is for: weights are read once.
          if (contexts.length > 1) expect(together.bytes.weights).to.be.below(sum(({ bytes }) => bytes.weights));
        },
      ),
    );
  });

  for (const [name, config] of Object.entries(smallConfigs)) {
    it(`is, for ${name}, two operations for every value of its matrices, and attention by its heads`, () => {
      const checkpoint = smallCheckpoint(config);
      const shape = shapeOf(inspectCheckpoint(checkpoint, 'f32').config);
      const matrices = [...checkpoint.tensors.values()].filter(
        ({ name, shape }) => shape.length === 2 && (!/embed_tokens/.test(name) || 'tie_word_embeddings' in config),
      );
      const values = matrices.reduce((sum, { shape: [rows, columns] }) => sum + rows * columns, 0);
      const [T, cached] = [3, 20];
      const costs = passCosts(shape, { sequences: [{ cached, rows: T }], sampled: T, scored: 0 }, float32);
      const products = [costs.qkv, costs.output, costs.mlp, costs.head];
      const sum = (of: (cost: (typeof products)[number]) => number) =>
        products.reduce((all, cost) => all + of(cost), 0);
      const { num_hidden_layers: layers, num_attention_heads: heads, intermediate_size: f } = config;
      const headDim = 'head_dim' in config ? config.head_dim : config.hidden_size / heads;
      expect(sum(({ flops }) => flops)).to.equal(2 * T * values + 5 * T * layers * f);
      expect(sum(({ bytes }) => bytes.weights)).to.equal(4 * values);
      // Every row sees those before it and itself: 21, 22 and 23 of them.
      expect(costs.attention.flops).to.equal(layers * (21 + 22 + 23) * heads * (4 * headDim + 3));
      expect(costs.attention.bytes.cache).to.equal(layers * 2 * 23 * config.num_key_value_heads * headDim * 4);
    });
  }

  it('reads a weight for every parameter of the families that are here', () => {
    for (const name of ['abacus-llama-0.4m', 'abacus-qwen3-2m']) {
      const report = inspectModel(name);
      // Norms are no matrices, and a tied embedding is the head.
      expect(matrixParameters(report) / report.parameters).to.be.within(0.99, 1);
    }
  });
});

describe('pass time from a spec sheet', () => {
  const tokensPerSecond = (model: string, batch: number) => {
    // The contexts of the published measurements are not known: in between those of a chain of thought.
    const sequences = Array.from({ length: batch }, () => ({ cached: 2000, rows: 1 }));
    return (
      batch / rooflineTime(hardwareOf('a100'), modelShapes[model], { sequences, sampled: batch, scored: 0 }).seconds
    );
  };

  it("is within 30 % of what the reference's servers logged on one A100, decoding", () => {
    const logged: [string, [number, number][]][] = [
      [
        'qwq-32b',
        [
          [1, 22.7],
          [2, 44.7],
          [3, 66.3],
          [4, 87.4],
        ],
      ],
      [
        'qwen2.5-1.5b',
        [
          [1, 224],
          [4, 893],
          [16, 2937],
          [32, 5239],
        ],
      ],
    ];
    for (const [model, points] of logged) {
      for (const [batch, measured] of points) {
        expect(tokensPerSecond(model, batch) / measured, `${model}, batch ${batch}`).to.be.within(0.7, 1.3);
      }
    }
  });

  it('is bound by memory where one row decodes, and by compute where thousands are scored', () => {
    const shape = modelShapes['qwq-32b'];
    const decode = rooflineTime(hardwareOf('a100'), shape, {
      sequences: [{ cached: 100, rows: 1 }],
      sampled: 1,
      scored: 0,
    });
    const score = rooflineTime(hardwareOf('a100'), shape, {
      sequences: [{ cached: 0, rows: 4000 }],
      sampled: 0,
      scored: 4000,
    });
    expect(decode.bound).to.equal('memory');
    expect(score.bound).to.equal('compute');
    const bytes = totalBytes(
      passCost(shape, { sequences: [{ cached: 100, rows: 1 }], sampled: 1, scored: 0 }, { weight: 2, cache: 2 }),
    );
    expect(decode.memorySeconds).to.be.closeTo(bytes / (0.9 * 2.039e12), 1e-9);
  });
});

describe('pass time from a profile', () => {
  const pass = (phase: 'decode' | 'score', rows: number, seconds: number) => ({
    phase,
    rows,
    seconds,
    flops: 1,
    bytes: 1,
  });
  const profile: ModelProfile = {
    ...{ schema: 'atts.profile/1', model: 'm', dtype: 'f32', backend: 'simd', build: 'b', threads: 2 },
    passes: [pass('decode', 1, 1), pass('decode', 4, 2.5), pass('score', 16, 8), pass('score', 64, 20)],
  };
  const timer = passTimer(profile);
  const decodes = (count: number) => Array.from({ length: count }, () => ({ cached: 5, rows: 1 }));

  it('is what was measured, linear between and beyond', () => {
    expect(timer({ sequences: decodes(1), sampled: 1, scored: 0 })).to.equal(1);
    expect(timer({ sequences: decodes(2), sampled: 2, scored: 0 })).to.equal(1.5);
    expect(timer({ sequences: decodes(8), sampled: 8, scored: 0 })).to.equal(4.5);
    expect(timer({ sequences: [{ cached: 0, rows: 64 }], sampled: 0, scored: 64 })).to.equal(20);
    expect(timer({ sequences: [{ cached: 0, rows: 128 }], sampled: 0, scored: 128 })).to.equal(36);
  });

  it('scores beside decodes take what they add', () => {
    const alone = timer({ sequences: decodes(4), sampled: 4, scored: 0 });
    const both = timer({ sequences: [...decodes(4), { cached: 0, rows: 28 }], sampled: 4, scored: 28 });
    expect(both).to.be.greaterThan(alone);
  });
});
