import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { sha256Hex } from '../src/digest.js';
import type { HashedCode } from './backends/hashes.js';

/** Where each backend begins, from the folder of the compiled kernels; a thread's script is loaded by its name alone. */
const entries: Readonly<Record<HashedCode, readonly string[]>> = {
  simd: ['backends/simd/index.js', 'backends/simd/worker.js'],
  webgpu: ['backends/webgpu/index.js'],
  references: ['backends/stock.js'],
};

/** The code of a backend's results, and the modules that it is made of. */
export interface BackendCode {
  readonly code: HashedCode;
  /** SHA-256, the first 12 hex digits. */
  readonly hash: string;
  /** From the folder of the compiled kernels. */
  readonly modules: readonly string[];
}

/**
 * Hashes all the code of kernels that can decide a bit of a backend's results: WGSL and what writes it, what packs
 * weights and chooses and dispatches programs, and what every op has before its backends. It is hashed bundled and
 * minified: comments (but those within WGSL), types and names of variables do not count, and neither do packages and what
 * is outside the kernels.
 * @param folder of the compiled kernels
 */
export function hashBackends(folder: string): Promise<BackendCode[]> {
  const ops = readdirSync(join(folder, 'ops')).sort();
  const shared = ops.map((op) => `ops/${op}/index.js`);
  return Promise.all(
    (Object.keys(entries) as HashedCode[]).map(async (code) => {
      const contents = [...shared, ...entries[code]].map((module) => `import './${module}';`).join('\n');
      const { outputFiles, metafile } = await build({
        stdin: { contents, resolveDir: folder },
        ...{ absWorkingDir: folder, outfile: 'out.js', write: false, metafile: true, logLevel: 'error' },
        ...{ bundle: true, minify: true, treeShaking: false, legalComments: 'none' },
        ...{ platform: 'node', format: 'esm', target: 'es2022', packages: 'external', tsconfigRaw: '{}' },
        // What is known by its hash cannot have it inside.
        external: [join(folder, '../src/*'), join(folder, 'backends/hashes.js')],
      });
      const modules = Object.keys(metafile.inputs).filter((path) => path !== '<stdin>');
      return { code, hash: sha256Hex([outputFiles[0].contents]).slice(0, 12), modules };
    }),
  );
}
