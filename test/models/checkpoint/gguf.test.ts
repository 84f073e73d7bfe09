import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { chooseBackend } from '../../../kernels/backends/choose.js';
import { float16Bits } from '../../../kernels/float16.js';
import { quantise } from '../../../kernels/ops/linear/quantise.js';
import type { Checkpoint } from '../../../models/checkpoint/checkpoint.js';
import { readGgufHeader } from '../../../models/checkpoint/gguf/header.js';
import { embeddedCheckpoints, openCheckpoint, resolveModel } from '../../../models/checkpoint/open.js';
import { largestDifference } from '../../kernels/backend.js';
import { ggufBytes, type Metadata, type TensorBytes, typeCodes } from './gguf-bytes.js';
import { ggufModel } from './gguf-model.js';
import { logitsOf, smallCheckpoint, smallConfigs } from './small-model.js';

describe('GGUF checkpoints', () => {
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'atts-gguf-'));
    await chooseBackend('simd');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const written = (metadata: Metadata, tensors: readonly TensorBytes[], version = 3): string => {
    const path = join(folder, 'model.gguf');
    writeFileSync(path, ggufBytes(metadata, tensors, version));
    return path;
  };

  /** Opens a checkpoint that was written as GGUF, with changes. */
  const opened = (
    checkpoint: Checkpoint,
    change: (metadata: Metadata, tensors: TensorBytes[]) => [Metadata, readonly TensorBytes[]] = (...same) => same,
  ): Checkpoint => {
    const { metadata, tensors } = ggufModel(checkpoint);
    return openCheckpoint(written(...change(metadata, tensors)));
  };

  const failure = (body: () => unknown): string => {
    try {
      body();
    } catch (error) {
      expect((error as { code: string }).code).to.equal('checkpoint');
      return (error as Error).message;
    }
    throw new Error('nothing was thrown');
  };

  for (const [family, config] of Object.entries(smallConfigs)) {
    it(`a ${family} file gives the logits of the same weights as safetensors have them`, () => {
      const checkpoint = smallCheckpoint(config);
      const gguf = opened(checkpoint);
      expect(largestDifference(logitsOf(gguf), logitsOf(checkpoint))).to.be.below(1e-4);
      gguf.close();
    });
  }

  for (const { name, folder: place } of embeddedCheckpoints()) {
    it(`${name} written as a GGUF file gives the same logits`, () => {
      const checkpoint = openCheckpoint(place);
      const gguf = opened(checkpoint);
      expect(largestDifference(logitsOf(gguf), logitsOf(checkpoint))).to.be.below(1e-4);
      for (const one of [gguf, checkpoint]) one.close();
    });
  }

  it('rows of queries and keys come back in the order of the Hugging Face layout, a row or all at a time', () => {
    const checkpoint = smallCheckpoint(smallConfigs.llama);
    const gguf = opened(checkpoint);
    for (const part of ['q_proj.weight', 'k_proj.weight', 'k_proj.bias', 'v_proj.weight']) {
      const name = `model.layers.1.self_attn.${part}`;
      const [ours, theirs] = [gguf.tensors.get(name)!, checkpoint.tensors.get(name)!];
      expect([...ours.read()]).to.deep.equal([...theirs.read()]);
      for (const [first, count] of [
        [0, 1],
        [5, 3],
        [15, 2],
        [31, 1],
      ]) {
        expect([...ours.read(first, count)], `${part} ${first}`).to.deep.equal([...theirs.read(first, count)]);
      }
    }
    gguf.close();
  });

  it('keeps blocks of mixed types beside each other, and scores as their float32 values do', () => {
    const checkpoint = smallCheckpoint(smallConfigs.qwen2);
    const types = {
      attn_q: 'Q4_1',
      attn_k: 'Q4_1',
      attn_v: 'Q8_0',
      ffn_down: 'Q8_0',
      ffn_gate: 'Q4_1',
      token_embd: 'Q8_0',
    };
    const gguf = opened(checkpoint, (metadata, tensors) => [
      metadata,
      tensors.map((tensor) => {
        const type = Object.entries(types).find(([part]) => tensor.name.includes(`${part}.weight`))?.[1];
        return type ? blocks(tensor, type as 'Q4_1' | 'Q8_0') : tensor;
      }),
    ]);
    const exact = logitsOf(gguf, 'f32');
    expect(largestDifference(logitsOf(gguf, 'auto'), exact)).to.be.below(2e-3 * Math.max(...exact.map(Math.abs)));
    expect(gguf.tensors.get('model.layers.0.self_attn.q_proj.weight')?.groups?.dtype).to.equal('q4');
    gguf.close();
  });

  it('rope divisors of a llama 3 file are those of its config.json', () => {
    const scaling = {
      ...{
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 16,
      },
    };
    const checkpoint = smallCheckpoint({ ...smallConfigs.llama, rope_scaling: scaling });
    const divisors = Float32Array.from({ length: 8 }, (_, i) => {
      const waves = (16 * 10_000 ** (-i / 8)) / (2 * Math.PI);
      const kept = Math.min(1, Math.max(0, (waves - 1) / 3));
      return 1 / (kept + (1 - kept) / 8);
    });
    const rope = { name: 'rope_freqs.weight', shape: [8], type: typeCodes.F32, bytes: new Uint8Array(divisors.buffer) };
    const gguf = opened(checkpoint, (metadata, tensors) => [metadata, [rope, ...tensors]]);
    expect(largestDifference(logitsOf(gguf), logitsOf(checkpoint))).to.be.below(1e-4);
    expect(largestDifference(logitsOf(gguf), logitsOf(smallCheckpoint(smallConfigs.llama)))).to.be.above(1e-2);
    gguf.close();
  });

  it('yarn of a file is that of config.json', () => {
    const scaling = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16 };
    const checkpoint = smallCheckpoint({ ...smallConfigs.qwen2, rope_scaling: scaling });
    const gguf = opened(checkpoint, (metadata, tensors) => [
      [
        ...metadata,
        ['qwen2.rope.scaling.type', 'string', 'yarn'],
        ['qwen2.rope.scaling.factor', 'f32', 4],
        ['qwen2.rope.scaling.original_context_length', 'u32', 16],
      ],
      tensors,
    ]);
    expect(largestDifference(logitsOf(gguf), logitsOf(checkpoint))).to.be.below(1e-4);
    gguf.close();
  });

  it('version 2, an own head, end ids, and a sliding pattern by layer are read', () => {
    const checkpoint = smallCheckpoint({ ...smallConfigs.qwen3, tie_word_embeddings: false });
    const { metadata, tensors } = ggufModel(checkpoint);
    const gguf = openCheckpoint(written([...metadata, ['tokenizer.ggml.eot_token_id', 'u32', 5]], tensors, 2));
    expect(gguf.config).to.include({ model_type: 'qwen3', tie_word_embeddings: false, head_dim: 32 });
    expect(gguf.config.eos_token_id).to.deep.equal([3, 5]);
    gguf.close();
    const gemma = opened(smallCheckpoint(smallConfigs.gemma3), (keys, weights) => [
      [...keys, ['gemma3.attention.sliding_window_pattern', 'bools', [1, 0, 1, 0, 1, 0, 1]]],
      weights,
    ]);
    expect((gemma.config.layer_types as string[])[1]).to.equal('full_attention');
    gemma.close();
  });

  it('refuses what would change the result: keys, tensors, architectures and types that are not known', () => {
    const checkpoint = smallCheckpoint(smallConfigs.qwen2);
    const withKey = (...key: Metadata[number]) =>
      failure(() => opened(checkpoint, (keys, weights) => [[...keys, key], weights]));
    expect(withKey('qwen2.attention.logit_scale', 'f32', 2)).to.match(
      /model\.gguf: metadata key "qwen2.attention.logit_scale" = "2" is not/,
    );
    expect(withKey('qwen2.expert_count', 'u32', 8)).to.match(/expert_count = 8/);
    expect(withKey('qwen2.rope.dimension_count', 'u32', 8)).to.match(/rope.dimension_count = 8 is not the head's 16/);
    expect(withKey('qwen2.rope.scaling.type', 'string', 'longrope')).to.match(
      /rope.scaling.type = "longrope" is not supported/,
    );
    expect(withKey('split.count', 'u32', 3)).to.match(/one of several parts/);
    const changed = (tensor: Partial<TensorBytes>) =>
      failure(() => opened(checkpoint, (keys, [first, ...weights]) => [keys, [{ ...first, ...tensor }, ...weights]]));
    expect(changed({ name: 'token_embd.scale' })).to.match(/no matrix token_embd.weight/);
    expect(changed({ type: 23 })).to.match(/token_embd.weight" is IQ4_XS, which is not supported/);
    expect(
      failure(() =>
        opened(checkpoint, (keys, weights) => [keys, [...weights, { ...weights[1], name: 'blk.0.attn_sinks.weight' }]]),
      ),
    ).to.match(/attn_sinks.weight" is not one that qwen2 has/);
    expect(
      failure(() =>
        opened(checkpoint, (keys, weights) => [
          [['general.architecture', 'string', 'mamba'], ...keys.slice(1)],
          weights,
        ]),
      ),
    ).to.match(/general.architecture = "mamba" is not supported/);
  });

  it('a folder with one .gguf file is that file; with more, one line says so', () => {
    const path = written([], []);
    expect(resolveModel(folder)).to.equal(path);
    expect(resolveModel(path)).to.equal(path);
    writeFileSync(join(folder, 'other.gguf'), '');
    expect(() => resolveModel(folder)).to.throw(/has 2 \.gguf files: give one of them/);
    rmSync(join(folder, 'other.gguf'));
  });

  it('metadata of every type come back', () => {
    const metadata: Metadata = [
      ...([
        ['a', 'u8', 200],
        ['b', 'i32', -5],
        ['c', 'f32', 0.5],
        ['d', 'bool', true],
        ['e', 'string', 'é'],
      ] as const),
      ...([
        ['f', 'u64', 2n ** 60n],
        ['g', 'strings', ['x', '', 'yz']],
        ['h', 'u32s', [1, 2]],
      ] as const),
    ];
    const found = readGgufHeader(written(metadata, [])).metadata;
    const plain = [...found.values()].map((value) => (ArrayBuffer.isView(value) ? [...(value as Uint32Array)] : value));
    expect(plain).to.deep.equal([200, -5, 0.5, true, 'é', 2n ** 60n, ['x', '', 'yz'], [1, 2]]);
  });
});

/** A float32 matrix as blocks, quantised by range. */
function blocks(tensor: TensorBytes, type: 'Q4_1' | 'Q8_0'): TensorBytes {
  const [N, K] = tensor.shape;
  const values = new Float32Array(tensor.bytes.slice().buffer);
  const { scales, mins, values: q } = quantise(values, N, K, type === 'Q8_0' ? 'q8' : 'q4');
  const out: number[] = [];
  scales.forEach((scale, block) => {
    out.push(...half(scale), ...(type === 'Q4_1' ? half(mins[block]) : []));
    const group = q.subarray(block * 32, (block + 1) * 32);
    if (type === 'Q8_0') out.push(...new Uint8Array(group.slice().buffer));
    else for (let i = 0; i < 16; i++) out.push(group[i] | (group[i + 16] << 4));
  });
  return { ...tensor, type: typeCodes[type], bytes: Uint8Array.from(out) };
}

/** Bytes of a float16. */
function half(value: number): [number, number] {
  const bits = float16Bits(value);
  return [bits & 0xff, bits >>> 8];
}
