import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { chooseBackend } from '../../../kernels/backends/choose.js';
import { float16 } from '../../../kernels/float16.js';
import { roundToBf16 } from '../../../kernels/ops/linear/bf16.js';
import type { Checkpoint } from '../../../models/checkpoint/checkpoint.js';
import { openCheckpoint } from '../../../models/checkpoint/open.js';
import { largestDifference } from '../../kernels/backend.js';
import { type StoredBytes, safetensorsBytes } from './safetensors-bytes.js';
import { logitsOf, smallCheckpoint, smallConfigs } from './small-model.js';

const raw = (values: Float32Array | Uint16Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** Every float16 that is a number, smallest first, for rounding by search. */
const allHalves = Array.from({ length: 0x7c00 }, (_, bits) => float16(bits));
function halfBits(value: number): number {
  let [low, high] = [0, allHalves.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (allHalves[middle] <= Math.abs(value)) low = middle;
    else high = middle;
  }
  return low | (value < 0 ? 0x8000 : 0);
}

/** The checkpoint's tensors as another dtype stores them, and the values that are left. */
function storedAs(checkpoint: Checkpoint, dtype: 'F32' | 'F16' | 'BF16'): { stored: StoredBytes[]; left: Checkpoint } {
  const stored: StoredBytes[] = [];
  const tensors = new Map(checkpoint.tensors);
  for (const { name, shape, read } of checkpoint.tensors.values()) {
    const values = read();
    const bits = Uint16Array.from(values, (w) => {
      if (dtype === 'F16') return halfBits(w);
      return new Uint32Array(Float32Array.of(roundToBf16(w)).buffer)[0] >>> 16;
    });
    const kept =
      dtype === 'F32' ? values : Float32Array.from(bits, (b) => (dtype === 'F16' ? float16(b) : bf16Value(b)));
    stored.push({ name, shape, dtype, bytes: dtype === 'F32' ? raw(values) : raw(bits) });
    const width = kept.length / shape[0];
    const part = (first = 0, count = shape[0]) => kept.slice(first * width, (first + count) * width);
    tensors.set(name, { name, shape, dtype: 'F32', read: part });
  }
  return { stored, left: { ...checkpoint, tensors } };
}

const bf16Value = (bits: number) => new Float32Array(Uint32Array.of(bits << 16).buffer)[0];

describe('safetensors checkpoints', () => {
  let folder: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'atts-safetensors-'));
    await chooseBackend('simd');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const opened = (config: object, files: Record<string, Buffer | string>): Checkpoint => {
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    return openCheckpoint(folder);
  };

  for (const dtype of ['F32', 'F16', 'BF16'] as const) {
    it(`${dtype}, with biases and a head of its own, gives the logits of its values`, () => {
      const { stored, left } = storedAs(smallCheckpoint(smallConfigs.llama), dtype);
      const checkpoint = opened(smallConfigs.llama, { 'model.safetensors': safetensorsBytes(stored) });
      expect(checkpoint.tensors.has('lm_head.weight')).to.equal(true);
      expect([...logitsOf(checkpoint, 'auto')]).to.deep.equal([...logitsOf(left)]);
      checkpoint.close();
    });
  }

  it('shards are one checkpoint, and a tensor that is not where the index puts it is told', () => {
    const { stored, left } = storedAs(smallCheckpoint(smallConfigs.gemma3), 'F32');
    const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    const weights = Object.fromEntries(stored.map(({ name }, i) => [name, shards[i % 2]]));
    const files = {
      [shards[0]]: safetensorsBytes(stored.filter((_, i) => i % 2 === 0)),
      [shards[1]]: safetensorsBytes(stored.filter((_, i) => i % 2 === 1)),
    };
    const index = (map: object) => ({ 'model.safetensors.index.json': JSON.stringify({ weight_map: map }) });
    const checkpoint = opened(smallConfigs.gemma3, { ...files, ...index(weights) });
    expect([...logitsOf(checkpoint)]).to.deep.equal([...logitsOf(left)]);
    checkpoint.close();
    expect(() => opened(smallConfigs.gemma3, index({ ...weights, [stored[0].name]: shards[1] }))).to.throw(
      /no tensor "model.embed_tokens.weight", which .*index\.json puts there/,
    );
    expect(() => opened(smallConfigs.gemma3, index({ x: '../model.safetensors' }))).to.throw(/not a plain file name/);
  });

  it('is kept as it is asked to be, whatever it is stored as', () => {
    const checkpoint = smallCheckpoint(smallConfigs.qwen3);
    const exact = logitsOf(checkpoint);
    const largest = exact.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    for (const [dtype, bound] of [
      ['bf16', 0.02],
      ['q8', 0.03],
      ['q4', 0.5],
    ] as const) {
      const difference = largestDifference(logitsOf(checkpoint, dtype), exact);
      expect(difference, dtype)
        .to.be.above(0)
        .and.below(bound * largest);
    }
  });

  it('a missing tensor and one of another shape are told by name before anything is loaded', () => {
    const { stored } = storedAs(smallCheckpoint(smallConfigs.qwen2), 'F32');
    const load = (tensors: StoredBytes[]) => () => {
      const checkpoint = opened(smallConfigs.qwen2, { 'model.safetensors': safetensorsBytes(tensors) });
      try {
        logitsOf(checkpoint);
      } finally {
        checkpoint.close();
      }
    };
    expect(load(stored.slice(1))).to.throw(/no tensor model.embed_tokens.weight, which its configuration asks for/);
    const wider = stored.map((tensor) =>
      tensor.name === 'model.norm.weight' ? { ...tensor, shape: [65], bytes: new Uint8Array(260) } : tensor,
    );
    expect(load(wider)).to.throw(/model.norm.weight is 65, but its configuration makes it 64/);
    expect(load([{ ...stored[0], dtype: 'toString' }, ...stored.slice(1)])).to.throw(
      /is "toString"; F32, F16 and BF16/,
    );
  });
});
