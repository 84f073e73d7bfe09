/** In a browser only tfjs's own JavaScript is there to compare with. */
import { AttsError } from '../../src/errors.js';
import type * as node from './stock.js';

export const registerStock: typeof node.registerStock = async (name) => {
  if (name !== 'cpu') throw new AttsError('engine', `the ${name} backend does not run in a browser; use simd`);
  await import('@tensorflow/tfjs-backend-cpu');
};

export const stockBuild: typeof node.stockBuild = () => '';
