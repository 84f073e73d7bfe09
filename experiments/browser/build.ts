import { copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';
import { abacusFolder } from '../../models/abacus/paths.js';
import { buildBanks, loadRunDataset, openPair, storedBank } from '../../src/index.js';
import { configOf } from './answer.js';
import { style } from './style.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const compiled = join(root, 'dist');

/**
 * Bundles the page's three scripts (page, worker, thread of the simd backend) from what the library compiles to. Modules
 * that need Node have another beside them for browsers, by the `browser` field of package.json; a bundle that reaches for
 * Node all the same fails here.
 */
export async function bundle(out: string): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: {
      page: join(compiled, 'experiments/browser/page.js'),
      worker: join(compiled, 'experiments/browser/worker.js'),
      'worker.browser': join(compiled, 'kernels/backends/simd/worker.browser.js'),
    },
    ...{ bundle: true, splitting: true, minify: true, sourcemap: true, metafile: true },
    ...{ outdir: out, platform: 'browser', format: 'esm', target: 'es2022', logLevel: 'error' },
  });
  return metafile;
}

/** Builds the page into a folder: scripts, style, kernels, the embedded pair, its problems, and the bank of scores. */
export async function buildPage(out: string): Promise<void> {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  await bundle(out);
  writeFileSync(join(out, 'page.css'), style);
  copyFileSync(join(root, 'experiments/browser/index.html'), join(out, 'index.html'));
  for (const kernels of ['relaxed.wasm', 'plain.wasm']) {
    copyFileSync(join(compiled, 'kernels/backends/simd', kernels), join(out, kernels));
  }
  cpSync(abacusFolder, join(out, 'models/abacus'), { recursive: true });
  writeFileSync(join(out, 'bank.json'), JSON.stringify(await drawBank()));
}

/** First chunks of the calibration problems and their scores, which a page would draw for some seconds at every visit. */
async function drawBank(): Promise<object> {
  const config = configOf();
  const { draft, target, close } = await openPair({ ...config, threads: 1 });
  try {
    const dataset = await loadRunDataset(config, 'calibration');
    return storedBank(await buildBanks({ config, draft: draft!, target: target!, dataset }));
  } finally {
    await close();
  }
}
