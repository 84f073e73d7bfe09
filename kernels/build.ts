/**
 * Compiles the WebAssembly kernels into dist/kernels/backends/simd: the same sources twice, plain and with relaxed SIMD.
 * Then writes what the code of every backend hashes to. Run by `npm run build`, after the TypeScript is compiled.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { hashBackends } from './hash.js';
import { cachedTilesSource } from './ops/attention/tiles.js';
import { tilesSource } from './ops/linear/tiles.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const out = 'dist/kernels/backends/simd';
const builds = { plain: [], relaxed: ['--enable', 'relaxed-simd'] };

mkdirSync(`${root}${out}`, { recursive: true });
for (const [name, features] of Object.entries(builds)) {
  const { error, stderr } = await asc.main(
    [
      ...['kernels/backends/simd/kernels.as.ts', '--outFile', `${out}/${name}.wasm`],
      ...['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--enable', 'threads', ...features],
      ...[
        '--importMemory',
        '--sharedMemory',
        '--initialMemory',
        '2',
        '--maximumMemory',
        '65536',
        '--memoryBase',
        '4096',
      ],
    ],
    {
      readFile(path) {
        // Two modules are written by programs.
        if (path.endsWith('linear/tiles.as.ts')) return tilesSource();
        if (path.endsWith('attention/tiles.as.ts')) return cachedTilesSource();
        try {
          return readFileSync(`${root}${path}`, 'utf8');
        } catch {
          return null;
        }
      },
      writeFile: (path, contents) => writeFileSync(`${root}${path}`, contents),
      listFiles: () => [],
    },
  );
  if (error) {
    process.stderr.write(`${stderr.toString()}\n`);
    process.exit(1);
  }
}

const hashes = (await hashBackends(`${root}dist/kernels`)).map(({ code, hash }) => [code, hash]);
writeFileSync(
  `${root}dist/kernels/backends/hashes.js`,
  `export const kernelHashes = ${JSON.stringify(Object.fromEntries(hashes))};\n`,
);
