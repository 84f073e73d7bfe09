import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../runs/atomic.js';
import { figuresOf, renderSvg } from './figures.js';
import { readMethodRuns } from './method-runs.js';
import { page, type RenderedFigure } from './page.js';

/**
 * Writes `report.html` of a finished run or comparison, and its figures beside it (figures/NAME.vl.json and .svg). It
 * reads the directory and nothing else.
 * @returns path of the page
 * @throws AttsError `config` where there is no run, `run` where it is not finished
 */
export async function writeReport(directory: string): Promise<string> {
  const runs = readMethodRuns(directory);
  const figures: RenderedFigure[] = [];
  mkdirSync(join(directory, 'figures'), { recursive: true });
  for (const figure of figuresOf(runs)) {
    const svg = await renderSvg(figure.spec);
    figures.push({ ...figure, svg });
    writeFileAtomic(join(directory, 'figures', `${figure.name}.svg`), svg);
    writeFileAtomic(join(directory, 'figures', `${figure.name}.vl.json`), JSON.stringify(figure.spec));
  }
  const path = join(directory, 'report.html');
  writeFileAtomic(path, page(runs, figures));
  return path;
}
