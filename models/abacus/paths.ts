import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The nearest folder above a file that has a package.json. Weights and problems are not compiled, so code in dist/
 * finds them from here: the walk gives the same folder from the sources, from dist/ and from an installed package.
 */
function packageRoot(file: string): string {
  let folder = dirname(file);
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) return dirname(file);
    folder = parent;
  }
  return folder;
}

/** The folder of the embedded checkpoints and problems. */
export const abacusFolder = join(packageRoot(fileURLToPath(import.meta.url)), 'models', 'abacus');
