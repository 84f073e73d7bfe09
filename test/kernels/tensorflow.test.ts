import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { registerTensorflow } from '../../kernels/backends/tensorflow/index.js';

/** Packages beside the compiled tests, where `require` finds them. */
const folder = fileURLToPath(new URL('./tensorflow-packages', import.meta.url));

function broken(name: string, code: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name, version: '4.22.0', main: 'index.js' }));
  writeFileSync(join(path, 'index.js'), code);
  return path;
}

describe('the tensorflow backend', () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('says in one line what to install where neither package is', () => {
    expect(() => registerTensorflow(['@atts-test/gpu', '@atts-test/cpu'])).to.throw(
      /^--backend tensorflow: neither @atts-test\/gpu nor @atts-test\/cpu is installed; run npm install @tensorflow\/tfjs-node .*, or use --backend simd$/,
    );
  });

  it('says in one line why a package does not load', () => {
    const path = broken('no-addon', "throw new Error('the addon is missing at path x\\nand more');");
    expect(() => registerTensorflow([path])).to.throw(
      /^--backend tensorflow: .*no-addon is installed but does not load \(the addon is missing at path x\); install it again, or/,
    );
  });

  it('takes the second package where the first does not load', () => {
    const [gpu, cpu] = [broken('gpu', "throw new Error('no CUDA');"), broken('cpu', 'module.exports = {};')];
    expect(() => registerTensorflow([gpu, cpu])).not.to.throw();
  });
});
