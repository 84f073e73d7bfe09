import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { build } from 'esbuild';
import { bundle } from '../../../experiments/browser/build.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const { browser: twins } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  browser: Record<string, string>;
};

describe('the browser bundle', () => {
  it('is made of the library itself, with nothing that needs Node', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'atts-bundle-'));
    try {
      const { inputs } = await bundle(folder);
      const names = Object.keys(inputs).map((name) => name.replace(/^.*dist\//, './dist/'));
      expect(names).to.include.members([
        './dist/src/scaling/chain.js',
        './dist/src/conformal/calibrators/online.js',
        './dist/src/engine/local/local-engine.js',
        './dist/models/decoder.js',
        './dist/kernels/ops/attention/webgpu.js',
        './dist/kernels/ops/attention/simd.js',
      ]);
      // A twin that nothing reaches is dead.
      expect(names).to.include.members(Object.values(twins));
      for (const node of Object.keys(twins)) expect(names).to.not.include(node);
      const imported = Object.values(inputs).flatMap(({ imports }) => imports.filter(({ external }) => external));
      expect(imported).to.deep.equal([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has for every module that needs Node one with the same exports', async () => {
    const exportsOf = async (platform: 'node' | 'browser', files: readonly string[]) => {
      const { metafile } = await build({
        entryPoints: files.map((file) => join(root, file)),
        ...{ bundle: true, packages: 'external', write: false, metafile: true, outdir: 'out', format: 'esm', platform },
        mainFields: ['module', 'main'],
      });
      return Object.values(metafile.outputs).map(({ exports }) => exports.sort());
    };
    expect(await exportsOf('browser', Object.values(twins))).to.deep.equal(await exportsOf('node', Object.keys(twins)));
  });
});
