import { expect } from 'chai';
import fc from 'fast-check';
import { float16, roundToFloat16 } from '../../kernels/float16.js';
import { blocksOf } from '../../kernels/ops/attention/blocks.js';
import { gpuWeightDtypes, type WeightDtype } from '../../kernels/ops/linear/index.js';
import { keptValues, rowsOf, stacked } from '../../kernels/ops/linear/matrix.js';
import { chainRows, gpuBytes, packForGpu } from '../../kernels/ops/linear/webgpu-layout.js';
import { values } from './backend.js';

/** Reads W[N, K] back as the WGSL of fourRows does. */
function unpacked(bytes: Uint8Array, N: number, K: number, dtype: WeightDtype): Float32Array {
  const groups = Math.ceil(K / 32);
  const quads = { f32: 256, bf16: 128, f16: 128, q8: 72, q6: 80, q5: 80, q5k: 80, q4: 48, q4k: 48 }[dtype];
  const floats = new Float32Array(bytes.buffer);
  const halves = new Uint16Array(bytes.buffer);
  const word = new Uint32Array(1);
  const asFloat = new Float32Array(word.buffer);
  const out = new Float32Array(N * K);
  for (let n = 0; n < N; n++) {
    const [block, panel, half, lane] = [n >> 5, (n >> 3) & 3, (n >> 2) & 1, n & 3];
    for (let k = 0; k < K; k++) {
      const at = (block * groups + (k >> 5)) * quads;
      const i = k & 31;
      if (dtype === 'f32') {
        out[n * K + k] = floats[(at + i * 8 + panel * 2 + half) * 4 + lane];
      } else if (dtype === 'bf16') {
        word[0] = halves[(at + i * 4 + panel) * 8 + lane * 2 + half] << 16;
        out[n * K + k] = asFloat[0];
      } else if (dtype === 'f16') {
        out[n * K + k] = float16(halves[(at + i * 4 + panel) * 8 + lane * 2 + half]);
      } else {
        const scaleAt = (at + panel * 2 + half) * 4 + lane;
        const [scale, second] = [floats[scaleAt], floats[scaleAt + 32]];
        const header = dtype === 'q8' ? 8 : 16;
        if (dtype === 'q4' || dtype === 'q4k') {
          const byte = bytes[(at + header + (i >> 2) * 4 + panel) * 16 + lane * 4 + half * 2 + (i & 1)];
          out[n * K + k] = scale * (i & 2 ? byte >> 4 : byte & 15) + second;
        } else {
          const byte = (bytes[(at + header + (i >> 1) * 4 + panel) * 16 + lane * 4 + half * 2 + (i & 1)] << 24) >> 24;
          out[n * K + k] =
            dtype === 'q5' || dtype === 'q5k'
              ? scale * byte + second
              : (dtype === 'q6' && i >= 16 ? second : scale) * byte;
        }
      }
    }
  }
  return out;
}

describe('weights as the WebGPU backend keeps them', () => {
  for (const dtype of gpuWeightDtypes) {
    it(`hold every ${dtype} value of any shape, at its place`, () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 80 }),
          fc.integer({ min: 1, max: 100 }),
          fc.nat({ max: 999 }),
          (N, K, seed) => {
            const parts = stacked(rowsOf(values(N * K, seed), N, K));
            const bytes = new Uint8Array(gpuBytes(N, K, dtype));
            packForGpu(parts, K, dtype, bytes);
            expect([...unpacked(bytes, N, K, dtype)]).to.deep.equal([...keptValues(parts, N, K, dtype)]);
          },
        ),
        { numRuns: 20 },
      );
    });
  }

  it('say how large activations may be that meet float16 weights in float16', () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -24, max: 65504, noNaN: true }), (largest) => {
        const bytes = new Uint8Array(gpuBytes(3, 5, 'f16'));
        const w = values(15, 3).map((v, i) => (i === 7 ? -largest : largest * v * 0.9));
        packForGpu(stacked(rowsOf(w, 3, 5)), 5, 'f16', bytes);
        const most = 2 ** new Int32Array(bytes.buffer, bytes.length - 16, 1)[0];
        expect(chainRows * most * Math.max(...w.map((v) => Math.abs(roundToFloat16(v))))).to.be.at.most(2 ** 15);
        expect(most).to.be.within(2 ** -4, 2 ** 15);
        if (largest > 2 ** -3) expect(chainRows * most * largest, 'of the range').to.be.above(2 ** 13.9);
      }),
    );
  });

  it('take fewer bytes the fewer bits a weight has', () => {
    // How far activations may reach takes a quad of f16.
    const bytes = (['f32', 'f16', 'q8', 'q4'] as const).map(
      (dtype) => (gpuBytes(1024, 1024, dtype) - (dtype === 'f16' ? 16 : 0)) / 2 ** 20,
    );
    expect(bytes).to.deep.equal([4, 2, 1.125, 0.75]);
  });
});

describe('blocks of rows that attention takes together', () => {
  it('hold all rows once, at most so many, each following the last in one sequence', () => {
    const sequences = fc.array(fc.record({ from: fc.nat({ max: 50 }), rows: fc.integer({ min: 1, max: 9 }) }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(sequences, fc.integer({ min: 1, max: 8 }), (list, most) => {
        const positions = list.flatMap(({ from, rows }) => Array.from({ length: rows }, (_, i) => from + i));
        const tables = list.flatMap(({ rows }, s) => Array.from({ length: rows }, () => 3 * s));
        const ints = (all: number[]) => Int32Array.from(all);
        const rows = { positions: ints(positions), tables: ints(tables), slots: ints([]), pages: ints([]) };
        const { firstRows, tables: own } = blocksOf(rows, most);
        expect(firstRows[0]).to.equal(0);
        expect(firstRows.at(-1)).to.equal(positions.length);
        for (const [b, first] of firstRows.slice(0, -1).entries()) {
          const end = firstRows[b + 1];
          expect(end - first).to.be.within(1, most);
          for (let t = first; t < end; t++) {
            expect(tables[t]).to.equal(own[b]);
            expect(positions[t]).to.equal(positions[first] + t - first);
          }
        }
      }),
    );
  });
});
