import { copyFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { webGpu } from '../../kernels/backends/webgpu/index.js';
import { familyOf } from '../../models/families/index.js';
import { expectedShapes } from '../../models/weight-shapes.js';
import { openEngine } from '../../src/index.js';
import { abacus } from '../engine/tokenizer/fixtures.js';
import { u64 } from '../models/checkpoint/gguf-bytes.js';
import { smallConfigs } from '../models/checkpoint/small-model.js';
import { temporaryFolder } from '../runs/fixtures.js';

/** Writes a checkpoint whose weights are all 0; what a file has beyond its header takes no room on the disk. */
function writeZeros(folder: string, config: object): void {
  const family = familyOf({ ...config });
  const header: Record<string, object> = {};
  let end = 0;
  for (const [name, shape] of expectedShapes(family.decoderConfig({ ...config }), family.weightNames({ ...config }))) {
    const begin = end;
    end += 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [begin, end] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const file = join(folder, 'model.safetensors');
  writeFileSync(file, Buffer.concat([u64(text.length), text]));
  truncateSync(file, 8 + text.length + end);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(join(abacus, name), join(folder, name));
}

describe('a model that the GPU cannot take', () => {
  const folder = temporaryFolder();

  const refusal = async (config: object): Promise<string> => {
    writeZeros(folder(), config);
    const opened = await openEngine(folder(), { backend: 'webgpu', memory: 8 }).catch((cause: Error) => cause);
    return (opened as Error).message.replace(/^atts-runs-\w+/, 'model');
  };

  it('is refused where its heads are too wide, when it is opened, and gives back its weights', async () => {
    await chooseBackend('webgpu');
    const { numTensors, numBytes } = tf.memory();
    expect(await refusal({ ...smallConfigs.qwen3, head_dim: 2052, vocab_size: 512 })).to.equal(
      'model: --backend webgpu takes heads up to 2048 wide, and these are 2052; use --backend simd',
    );
    expect(tf.memory()).to.include({ numTensors, numBytes });
  });

  it('is refused where a matrix is larger than a buffer of the device, before it is read', async () => {
    await chooseBackend('webgpu');
    const { maxBufferSize, maxStorageBufferBindingSize } = webGpu().device.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    const rows = Math.ceil(most / 256) + 32;
    const started = performance.now();
    expect(await refusal({ ...smallConfigs.qwen2, vocab_size: rows })).to.match(
      /^model: one matrix takes \d+ MiB and a buffer of this GPU holds \d+; use a smaller --dtype, or --backend simd$/,
    );
    expect(performance.now() - started).to.be.below(10_000);
  });
});
