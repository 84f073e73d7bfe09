/** What products of few rows and of many reach, from a cache and from main memory, and what their rows cost before. */
import * as tf from '@tensorflow/tfjs-core';
import { weightBytes } from '../ops/linear/bench.js';
import { linear, packParts, type WeightDtype, weightDtypes } from '../ops/linear/index.js';
import { rmsNorm } from '../ops/rms-norm/index.js';
import { type Timed, timed, warmUp } from './measure.js';
import { values } from './values.js';

/**
 * A product of so many rows with a matrix in the second caches or in main memory: taking the weights apart, multiplying,
 * adding, and waiting for them. Few rows take weights as they stream by; more go over a block of them that has come.
 */
export interface ProductRoof {
  readonly dtype: WeightDtype;
  readonly level: 'L2' | 'DRAM';
  readonly rows: number;
  readonly gflops: number;
  readonly noise: number;
}

/** What is done to the rows of a product: their norm, or quantising them. Values, 10⁹ a second. */
export interface RowRoof {
  readonly work: 'norm' | 'quantise';
  readonly rate: number;
  readonly noise: number;
}

/** Those between which a product's rate changes. */
const productRows = { L2: [1, 2, 4, 8, 16, 64], DRAM: [1, 2, 4, 16, 64] } as const;
const most = 64;
const width = 512;
/** Features of a thread: with float32 they fill half of a second cache. */
const features = 256;
const panel = 8;
const repeats = 5;
const least = 5;

/**
 * On all threads. What a product of one panel takes, its call and its rows' work above all, is left out of the others.
 * @param lastCache bytes
 */
export function measureProducts(threads: number, lastCache: number): { products: ProductRoof[]; rows: RowRoof[] } {
  warmUp(() => void productTime(1, panel, 'q8', 1));
  const products = weightDtypes.flatMap((dtype) => {
    const small = productRows.L2.map((rows) => productTime(rows, panel, dtype));
    return (['L2', 'DRAM'] as const).flatMap((level) => {
      const isCached = level === 'L2';
      const N = isCached ? threads * features : Math.ceil((1.5 * lastCache) / (width * weightBytes(dtype)) / 32) * 32;
      return productRows[level].map((rows): ProductRoof => {
        const all = productTime(rows, N, dtype, isCached ? repeats : 3);
        const call = small[productRows.L2.findIndex((other) => other === rows)];
        return { dtype, level, rows, gflops: (2 * rows * width * (N - panel)) / beyond(all, call) / 1e6, noise: all.noise };
      });
    });
  });
  // The rows of a quantised product beside those of one that leaves them as they are.
  const [quantised, plain] = [productTime(most, panel, 'q8'), productTime(most, panel, 'f32')];
  // So many that threads share them, beside a call of one.
  const [normed, called] = [normTime(4 * most), normTime(1)];
  const roof = (work: RowRoof['work'], rows: number, all: Timed, call: Timed): RowRoof => {
    return { work, rate: (rows * width) / beyond(all, call) / 1e6, noise: all.noise };
  };
  return { products, rows: [roof('norm', 4 * most, normed, called), roof('quantise', most, quantised, plain)] };
}

/** Milliseconds of the one less those of what it begins with; noise makes it a tenth of the whole at least. */
const beyond = (all: Timed, call: Timed) => Math.max(all.best - call.best, all.best / 10);

function productTime(rows: number, N: number, dtype: WeightDtype, times = repeats): Timed {
  // Weights that are all 0: what they say does not matter, and they need not be packed.
  const weights = packParts([], N, width, null, dtype);
  const x = tf.tensor2d(values(rows * width), [rows, width]);
  const found = timed(() => linear(x, weights).dispose(), times, least);
  x.dispose();
  weights.dispose();
  return found;
}

function normTime(rows: number): Timed {
  const x = tf.tensor2d(values(rows * width), [rows, width]);
  const gamma = tf.tensor1d(values(width));
  const found = timed(() => rmsNorm(x, gamma, 1e-6).dispose(), repeats, least);
  x.dispose();
  gamma.dispose();
  return found;
}
