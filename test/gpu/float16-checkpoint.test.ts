import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { webGpu } from '../../kernels/backends/webgpu/index.js';
import { openCheckpoint } from '../../models/checkpoint/open.js';
import { Decoder } from '../../models/decoder.js';
import { readRun } from '../../src/index.js';
import { atts, temporaryFolder } from '../cli/atts.js';
import { type Float16Draft, writeFloat16Draft } from './float16-draft.js';

describe('a float16 checkpoint on webgpu, by the command line', () => {
  const folder = temporaryFolder();
  let draft: Float16Draft;
  before(() => {
    draft = writeFloat16Draft(folder);
  });

  const output = async <T>(args: readonly string[]): Promise<T> => {
    const { code, stdout, stderr } = await atts([...args, '--json']);
    expect(code, stderr).to.equal(0);
    return JSON.parse(stdout) as T;
  };

  it('generate writes the tokens of simd, from safetensors and from GGUF', async () => {
    const write = async (model: string, backend: string) => {
      const args = ['generate', '--model', model, '--prompt', 'Start with 5. Add 3. Double it.', '--max-tokens', '32'];
      return (await output<{ ids: number[] }>([...args, '--backend', backend])).ids;
    };
    const expected = await write(draft.safetensors, 'simd');
    expect(expected).to.have.length.above(8);
    for (const [format, place] of Object.entries(draft)) {
      expect(await write(place, 'webgpu'), format).to.deep.equal(expected);
    }
  });

  it('score gives the log-probabilities of simd, to what its arithmetic holds', async () => {
    const textFile = join(folder, 'text');
    writeFileSync(textFile, 'Step 1: 5 + 3 = 8.\nStep 2: 2 * 8 = 16.\n');
    const score = async (backend: string) => {
      const args = ['score', '--model', draft.safetensors, '--text-file', textFile, '--backend', backend];
      const { tokens } = await output<{ tokens: { logprob: number | null }[] }>(args);
      return tokens.slice(1).map(({ logprob }) => logprob ?? Number.NaN);
    };
    const [gpu, simd] = [await score('webgpu'), await score('simd')];
    // Where the device multiplies in float16, products have its 11 bits.
    await chooseBackend('webgpu');
    const bound = webGpu().f16 ? 5e-3 : 1e-4;
    expect(gpu).to.have.length(simd.length);
    for (const [i, wanted] of simd.entries()) expect(gpu[i]).to.be.closeTo(wanted, bound * (1 - wanted));
  });

  it('run with it as the draft ends with the chains of simd', async () => {
    const bank = join(folder, 'bank.json');
    const run = async (backend: string) => {
      const out = join(folder, backend);
      const size = ['--limit', '1', '--samples', '2', '--turns', '2', '--draft-tokens', '8', '--target-tokens', '8'];
      const rule = ['--policy', 'replace', '--calibration', 'marginal', '--bank', bank];
      await output(['run', '--draft', draft.safetensors, ...size, ...rule, '--backend', backend, '--out', out]);
      return readRun(out);
    };
    writeFileSync(bank, JSON.stringify([1e-5, 3e-5, 3e-5]));
    const [gpu, simd] = [await run('webgpu'), await run('simd')];
    const written = ({ chains }: typeof gpu) =>
      [...chains]
        .sort((a, b) => a.sample - b.sample)
        .map((chain) => chain.chunks.map(({ author, ids, rejected }) => ({ author, ids, rejected })));
    expect(written(gpu)).to.deep.equal(written(simd));
    expect(written(gpu).flatMap((chunks) => chunks.map(({ author }) => author))).to.include.members([
      'draft',
      'target',
    ]);
    expect(gpu.manifest.kernelBuild).to.match(/^webgpu /);
  });

  it('takes two bytes of the device for each value of a matrix', async () => {
    await chooseBackend('webgpu');
    for (const place of Object.values(draft)) {
      const checkpoint = openCheckpoint(place);
      const before = tf.memory().numBytes;
      const decoder = Decoder.load(checkpoint);
      const bytes = tf.memory().numBytes - before;
      expect(decoder.dtype).to.equal('f16');
      const vectors = [...checkpoint.tensors.values()].filter(({ shape }) => shape.length === 1);
      const inVectors = vectors.reduce((sum, { shape }) => sum + shape[0], 0);
      const wanted = 2 * (decoder.parameters - inVectors) + 4 * inVectors;
      expect(bytes).to.be.within(wanted, 1.001 * wanted);
      decoder.dispose();
      checkpoint.close();
    }
  });
});
