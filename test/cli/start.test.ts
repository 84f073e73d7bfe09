import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { build, type Metafile } from 'esbuild';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

describe('the start of the command line', () => {
  it('loads no package that only some commands need', async () => {
    const { metafile } = await build({
      entryPoints: [main],
      ...{ bundle: true, splitting: true, packages: 'external', format: 'esm', platform: 'node', outdir: 'out' },
      ...{ write: false, metafile: true },
    });
    const entry = Object.keys(metafile.outputs).find((path) => path.endsWith('/main.js')) as string;
    const loaded = importedBy(entry, metafile);
    expect(loaded).to.include('yargs');
    const ofSome = [
      'mathjs',
      '@cortex-js/compute-engine',
      '@tensorflow/tfjs-backend-cpu',
      'vega',
      'fastify',
      'undici',
      'webgpu',
    ];
    const isOfSome = (path: string) => ofSome.some((name) => path === name || path.startsWith(`${name}/`));
    expect([...loaded].filter(isOfSome)).to.deep.equal([]);
  });
});

/** Everything that is loaded with a file: its imports and theirs, but not those that wait until they are needed. */
function importedBy(file: string, metafile: Metafile, seen = new Set<string>()): Set<string> {
  for (const { path, kind } of metafile.outputs[file]?.imports ?? []) {
    if (kind !== 'import-statement' || seen.has(path)) continue;
    seen.add(path);
    importedBy(path, metafile, seen);
  }
  return seen;
}
