/** What products of few rows and of many reach, from a cache and from main memory, and what their rows cost before. */
import * as tf from '@tensorflow/tfjs-core';
import { weightBytes } from '../ops/linear/bench.js';
import { linear, packParts, type WeightDtype, weightDtypes } from '../ops/linear/index.js';
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
 * @param beyondCaches bytes of a matrix that no cache holds
 */
export function measureProducts(threads: number, beyondCaches: number): { products: ProductRoof[]; rows: RowRoof[] } {
  warmUp(() => void productTime(1, panel, 'q8', 1));
  const products = weightDtypes.flatMap((dtype) => {
    const small = productRows.L2.map((rows) => productTime(rows, panel, dtype));
    return (['L2', 'DRAM'] as const).flatMap((level) => {
      const isCached = level === 'L2';
      const N = isCached ? threads * features : Math.ceil(beyondCaches / (width * weightBytes(dtype)) / 32) * 32;
      return productRows[level].map((rows): ProductRoof => {
        const all = productTime(rows, N, dtype, isCached ? repeats : 3);
        const call = small[productRows.L2.indexOf(rows)];
        return {
          dtype,
          level,
          rows,
          gflops: (2 * rows * width * (N - panel)) / beyond(all, call) / 1e6,
          noise: all.noise,
        };
      });
    });
  });
  // Of one panel: what its rows take beside those of a product that leaves them as they are.
  const plain = productTime(most, panel, 'f32');
  const roof = (work: RowRoof['work'], all: Timed): RowRoof => {
    return { work, rate: (most * width) / beyond(all, plain) / 1e6, noise: all.noise };
  };
  return {
    products,
    rows: [
      roof('norm', productTime(most, panel, 'f32', repeats, true)),
      roof('quantise', productTime(most, panel, 'q8')),
    ],
  };
}

/** Milliseconds of the one less those of what it begins with; noise makes it a tenth of the whole at least. */
const beyond = (all: Timed, call: Timed) => Math.max(all.best - call.best, all.best / 10);

function productTime(rows: number, N: number, dtype: WeightDtype, times = repeats, hasNorm = false): Timed {
  // Weights that are all 0: what they say does not matter, and they need not be packed.
  const weights = packParts([], N, width, null, dtype);
  const x = tf.tensor2d(values(rows * width), [rows, width]);
  const weight = tf.ones([width]);
  const options = hasNorm ? { norm: { weight, epsilon: 1e-6 } } : {};
  const found = timed(() => linear(x, weights, options).dispose(), times, least);
  tf.dispose([x, weight]);
  weights.dispose();
  return found;
}
