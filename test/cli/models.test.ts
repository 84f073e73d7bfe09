import { expect } from 'chai';
import type { ModelReport } from '../../src/index.js';
import { atts, expectRefusal } from './atts.js';

describe('atts models inspect', () => {
  it('tells dimensions, dtypes, memory and the tokenizer without loading the model', async () => {
    const { stdout, code } = await atts(['models', 'inspect', 'abacus-qwen3-2m', '--json']);
    expect(code).to.equal(0);
    const report = JSON.parse(stdout) as ModelReport;
    expect(report).to.include({
      schema: 'atts.model/1',
      format: 'safetensors',
      family: 'qwen3',
      parameters: 2_281_344,
    });
    // 12 layers, keys and values of 2 heads of 32, float32.
    expect(report.cacheBytesPerToken).to.equal(12 * 2 * 2 * 32 * 4);
    expect(report.stored.BF16?.bytes).to.equal(2 * 2_281_344);
    expect(report.kept.f32?.bytes).to.equal(report.weightBytes);
    expect(report.weightBytes).to.be.within(4 * 2_281_344, 1.01 * 4 * 2_281_344);
    expect(report.tokenizer)
      .to.include({ bosId: null })
      .and.to.have.property('chatTemplate')
      .that.contains('<|im_start|>');
  });

  it('counts what another dtype would need, and prints it for people', async () => {
    const { stdout, code } = await atts(['models', 'inspect', 'abacus-llama-0.4m', '--dtype', 'q4']);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^abacus-llama-0.4m\n {2}path .*\n {2}family +llama\n/);
    expect(stdout).to.match(/\n {2}kept +q4 \S+ MB \(\d+ tensors\), f32 /);
  });

  it('counts what a GPU would need, without one', async () => {
    const args = ['models', 'inspect', 'abacus-qwen3-2m', '--backend', 'webgpu', '--dtype', 'f16', '--json'];
    const { stdout, code } = await atts(args);
    expect(code).to.equal(0);
    const { kept, weightBytes } = JSON.parse(stdout) as ModelReport;
    expect(kept).to.have.all.keys('f16', 'f32');
    expect(weightBytes).to.be.within(2 * 2_281_344, 2.02 * 2_281_344);
  });

  it('refuses a dtype as loading does, with its exit code', async () => {
    const f16 = ['abacus-llama-0.4m', '--backend', 'cpu', '--dtype', 'f16'];
    const line = /^atts: --dtype f16 is for --backend webgpu; elsewhere give f32 or bf16\n$/;
    await expectRefusal(['models', 'inspect', ...f16], 2, line);
    await expectRefusal(['generate', '--prompt', '1 + 1', '--model', ...f16], 2, line);
    await expectRefusal(['models', 'inspect', f16[0], '--backend', 'tensorflow', '--dtype', 'f16'], 2, line);
  });

  it('an unknown model is one line', async () => {
    const { stderr, code } = await atts(['models', 'inspect', 'no-such.gguf']);
    expect(stderr).to.match(/^atts: unknown model no-such\.gguf: give .*\n$/);
    expect(code).to.equal(2);
  });
});
