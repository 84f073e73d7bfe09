import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { chooseBackend } from '../../../kernels/backends/choose.js';
import { openCheckpoint } from '../../../models/checkpoint/open.js';
import { Decoder } from '../../../models/decoder.js';
import { AttsError } from '../../../src/errors.js';
import { ggufBytes, type Metadata, type TensorBytes, typeCodes, u32, u64 } from './gguf-bytes.js';
import { ggufModel } from './gguf-model.js';
import { safetensorsBytes } from './safetensors-bytes.js';
import { smallCheckpoint, smallConfigs } from './small-model.js';

const seed = 20_250_711;
/** Nothing that a file of some KiB claims may cost more. */
const mostMilliseconds = 2000;
const mostBytes = 64 * 2 ** 20;

describe('broken and hostile checkpoints', function () {
  this.timeout(60_000);
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'atts-hostile-'));
    await chooseBackend('simd');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Opens and loads a place: null where that works, else its one line. */
  const outcome = (place: string): string | null => {
    const [started, before] = [performance.now(), process.memoryUsage().arrayBuffers];
    let message: string | null = null;
    try {
      const checkpoint = openCheckpoint(place);
      try {
        Decoder.load(checkpoint).dispose();
      } finally {
        checkpoint.close();
      }
    } catch (error) {
      expect(error, String((error as Error).stack)).to.be.instanceOf(AttsError);
      message = (error as Error).message;
      expect(message).to.match(/^[^\n]{1,600}$/);
    }
    expect(performance.now() - started).to.be.below(mostMilliseconds);
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(mostBytes);
    return message;
  };

  const ofGguf = (bytes: Uint8Array): string | null => {
    const path = join(folder, 'model.gguf');
    writeFileSync(path, bytes);
    return outcome(path);
  };
  const ofSafetensors = (bytes: Uint8Array, config: object = smallConfigs.qwen2): string | null => {
    const place = join(folder, 'model');
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'config.json'), JSON.stringify(config));
    writeFileSync(join(place, 'model.safetensors'), bytes);
    return outcome(place);
  };

  const { metadata, tensors } = ggufModel(smallCheckpoint(smallConfigs.qwen2));
  const words = ['tokenizer.ggml.tokens', 'strings', ['a', 'b', 'c']] as const;
  // The gate as Q8_0 blocks, whose scales a flipped bit may make infinite.
  const noisy = tensors.map((tensor) =>
    tensor.name.includes('ffn_gate')
      ? { ...tensor, type: typeCodes.Q8_0, bytes: new Uint8Array((96 * 64 * 34) / 32).fill(0x33) }
      : tensor,
  );
  const gguf = ggufBytes([...metadata, words], noisy);
  const stored = [...smallCheckpoint(smallConfigs.qwen2).tensors.values()].map(({ name, shape, dtype, read }) => ({
    ...{ name, shape, dtype, bytes: new Uint8Array(read().buffer) },
  }));
  const safetensors = safetensorsBytes(stored);
  const headerEnds = { gguf: gguf.indexOf(Buffer.from('ffn_down.weight')) + 2000, safetensors: 4000 };

  it('the files that are to be broken load as they are', () => {
    expect(ofGguf(gguf)).to.equal(null);
    expect(ofSafetensors(safetensors)).to.equal(null);
  });

  for (const [format, whole, load] of [
    ['gguf', gguf, ofGguf],
    ['safetensors', safetensors, ofSafetensors],
  ] as const) {
    it(`a ${format} file cut off anywhere ends in one line`, () => {
      fc.assert(
        fc.property(fc.nat({ max: whole.length - 64 }), (length) => {
          expect(load(whole.subarray(0, length))).to.be.a('string');
        }),
        { seed, numRuns: 60 },
      );
    });

    it(`a ${format} file with flipped bits in its header loads or ends in one line`, () => {
      const flips = fc.array(fc.tuple(fc.nat({ max: headerEnds[format] }), fc.nat({ max: 7 })), {
        minLength: 1,
        maxLength: 4,
      });
      fc.assert(
        fc.property(flips, (places) => {
          const bytes = Buffer.from(whole);
          for (const [at, bit] of places) bytes[at] ^= 1 << bit;
          load(bytes);
        }),
        { seed, numRuns: 200 },
      );
    });

    it(`a ${format} file with a huge number anywhere in its header loads or ends in one line`, () => {
      const numbers = fc.constantFrom(
        0n,
        1n,
        2n ** 31n,
        2n ** 32n - 1n,
        2n ** 40n,
        2n ** 53n,
        2n ** 63n,
        2n ** 64n - 1n,
      );
      fc.assert(
        fc.property(fc.nat({ max: headerEnds[format] }), numbers, (at, number) => {
          const bytes = Buffer.from(whole);
          bytes.writeBigUInt64LE(number, at);
          load(bytes);
        }),
        { seed, numRuns: 200 },
      );
    });
  }

  it('counts and lengths beyond the file are told before anything is made of them', () => {
    const head = (tensorCount: bigint, keyCount: bigint, ...rest: Buffer[]) =>
      ofGguf(Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensorCount), u64(keyCount), ...rest, Buffer.alloc(64)]));
    expect(head(2n ** 63n, 0n)).to.match(/number of tensors is 9223372036854775808/);
    expect(head(2n ** 40n, 0n)).to.match(/claims 1099511627776 tensors/);
    expect(head(0n, 2n ** 16n)).to.match(/claims 65536 metadata keys/);
    expect(head(0n, 1n, u64(2n ** 40n))).to.match(/a metadata key claims 1099511627776 bytes/);
    const key = Buffer.concat([u64(1), Buffer.from('k')]);
    expect(head(0n, 1n, key, u32(9), u32(8), u64(2n ** 50n))).to.match(/elements of metadata key "k"/);
    expect(head(0n, 1n, key, u32(9), u32(4), u64(100n))).to.match(/claims 100 elements of metadata key "k"/);
    expect(head(0n, 1n, key, u32(9), u32(9), u64(1n))).to.match(/"k" is an array of arrays/);
    expect(head(0n, 1n, key, u32(77))).to.match(/value of type 77/);
    expect(ofGguf(Buffer.concat([Buffer.from('GGUF'), u32(0x03000000), Buffer.alloc(64)]))).to.match(
      /big-endian is not supported/,
    );
    expect(ofGguf(Buffer.concat([Buffer.from('GGUF'), u32(1), Buffer.alloc(64)]))).to.match(
      /version 1 is not supported/,
    );
  });

  it('tensors outside the file, upon another, of impossible shapes or unaligned are told by name', () => {
    const one = (change: Partial<TensorBytes>) =>
      ofGguf(ggufBytes(metadata, [{ ...tensors[0], ...change }, ...tensors.slice(1)]));
    expect(one({ offset: 2n ** 40n })).to.match(/"token_embd.weight" needs bytes/);
    expect(one({ offset: 2n ** 63n })).to.match(/offset of tensor "token_embd.weight" is/);
    expect(one({ offset: 10240n })).to.match(/overlap/);
    expect(one({ offset: 7n })).to.match(/not aligned/);
    expect(one({ shape: [2 ** 32, 2 ** 32] })).to.match(/cannot be F32/);
    expect(one({ shape: [1, 1, 1, 1, 40, 64] })).to.match(/6 dimensions/);
    expect(one({ shape: [40, 63], type: typeCodes.Q8_0 })).to.match(/cannot be Q8_0/);
    expect(one({ shape: [0, 64] })).to.match(/vocab_size|embed_tokens/);
    expect(one({ name: 'output_norm.weight' })).to.match(/occurs twice/);
  });

  it('a configuration of huge numbers is refused before anything is made of it', () => {
    for (const key of [
      'block_count',
      'embedding_length',
      'feed_forward_length',
      'attention.head_count',
      'attention.key_length',
    ]) {
      for (const value of [0, 2 ** 31, 2 ** 32 - 1]) {
        const changed = metadata.map((entry) =>
          entry[0] === `qwen2.${key}` ? ([entry[0], 'u32', value] as const) : entry,
        );
        expect(ofGguf(ggufBytes(changed as Metadata, tensors)), `${key} = ${value}`).to.be.a('string');
      }
    }
    for (const key of ['num_hidden_layers', 'head_dim', 'hidden_size', 'vocab_size', 'num_attention_heads']) {
      for (const value of [0, -1, 1e12, 2 ** 31, 0.5, 'x']) {
        expect(ofSafetensors(safetensors, { ...smallConfigs.qwen2, [key]: value }), `${key} = ${value}`).to.be.a(
          'string',
        );
      }
    }
  });
});
