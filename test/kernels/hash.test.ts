import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { chooseBackend, kernelBuild } from '../../kernels/backends/choose.js';
import { type HashedCode, kernelHashes } from '../../kernels/backends/hashes.js';
import { hashBackends } from '../../kernels/hash.js';
import { temporaryFolder } from '../cli/atts.js';

const compiled = fileURLToPath(new URL('../../kernels', import.meta.url));

async function hashesOf(folder: string): Promise<Record<HashedCode, string>> {
  const found = (await hashBackends(folder)).map(({ code, hash }) => [code, hash]);
  return Object.fromEntries(found) as Record<HashedCode, string>;
}

describe('the hash of a backend', () => {
  const copy = join(temporaryFolder(), 'kernels');
  before(() => cpSync(compiled, copy, { recursive: true, filter: (path) => !/\.(map|d\.ts|wasm)$/.test(path) }));

  it('is what the build has written down, and the same in any folder', async () => {
    expect(kernelHashes, 'npm run build writes it').to.deep.equal(await hashesOf(compiled));
    expect(await hashesOf(copy)).to.deep.equal(kernelHashes);
  });

  it('is in the name of every build', async () => {
    for (const [backend, code] of [
      ['simd', 'simd'],
      ['simd-plain', 'simd'],
      ['wasm', 'references'],
      ['cpu', 'references'],
    ] as const) {
      await chooseBackend(backend);
      expect(kernelBuild(backend).split(' ')).to.include.members([backend, `kernels-${kernelHashes[code]}`]);
    }
    expect(kernelBuild('webgpu').split(' ')).to.include(`kernels-${kernelHashes.webgpu}`);
  });

  it('is of every module that writes WGSL or runs it', async () => {
    const webgpu = (await hashBackends(compiled)).find(({ code }) => code === 'webgpu');
    const written = readdirSync(compiled, { recursive: true, encoding: 'utf8' }).filter(
      (path) => /^(backends\/webgpu\/|ops\/.*\/webgpu).*\.js$/.test(path) && !path.endsWith('.browser.js'),
    );
    expect(written).to.have.lengthOf.above(20);
    expect(webgpu?.modules).to.include.members(written);
  });

  for (const [what, file, from, to, changed] of [
    ['a comment', 'ops/linear/webgpu.js', /^/, '/* new */\n', []],
    ['a comment on an op', 'ops/rope/index.js', '/**', '/** New.', []],
    ['a program', 'ops/rms-norm/webgpu.js', 'inverseSqrt(', '1.0 / sqrt(', ['webgpu']],
    ['what several programs share', 'ops/linear/webgpu-layout.js', '>> vec4u(24u)', '>> vec4u(23u)', ['webgpu']],
    ['a dispatch', 'ops/take-rows/webgpu.js', 'd / 64', 'd / 32', ['webgpu']],
    ['how weights are packed', 'ops/linear/webgpu-layout.js', 'q4: 48', 'q4: 64', ['webgpu']],
    ['how programs are run', 'backends/webgpu/backend.js', 'this.counts.dispatches++', '', ['webgpu']],
    ['operands of a job', 'ops/take-rows/simd.js', 'row * d,', 'row,', ['simd']],
    ['the work of a thread', 'backends/simd/thread.js', '.work(', '.toil(', ['simd']],
    ['a reference', 'ops/rms-norm/reference.js', 'tf.rsqrt', 'tf.sqrt', ['simd', 'webgpu', 'references']],
    ['what comes before all backends', 'ops/rope/index.js', 'Math.cos', 'Math.sin', ['simd', 'webgpu', 'references']],
  ] as const) {
    it(`${changed.length > 0 ? 'changes' : 'does not change'} with ${what}`, async () => {
      const path = join(copy, file);
      const before = readFileSync(path, 'utf8');
      const after = before.replace(from, to);
      expect(after).not.to.equal(before);
      writeFileSync(path, after);
      try {
        const hashes = await hashesOf(copy);
        const codes = Object.keys(kernelHashes) as HashedCode[];
        expect(codes.filter((code) => hashes[code] !== kernelHashes[code])).to.have.members(changed);
      } finally {
        writeFileSync(path, before);
      }
    });
  }
});
