import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import type { KvCache } from './cache.js';
import type { AttentionAttributes, AttentionInputs } from './reference.js';

interface Exports {
  append(
    T: number,
    kvHeads: number,
    headDim: number,
    pageSize: number,
    ...pointers: [k: number, v: number, slots: number, keys: number, values: number]
  ): void;
  attend(
    T: number,
    heads: number,
    kvHeads: number,
    headDim: number,
    pageSize: number,
    scale: number,
    window: number,
    ...pointers: [
      q: number,
      out: number,
      positions: number,
      tables: number,
      pages: number,
      keys: number,
      values: number,
      scores: number,
    ]
  ): void;
}

let compiled: WebAssembly.Module | undefined;
const instances = new WeakMap<KvCache, Exports>();

/** The compiled kernel, instantiated over the memory the cache lies in. */
function kernelOver(cache: KvCache): Exports {
  let exports = instances.get(cache);
  if (!exports) {
    compiled ??= new WebAssembly.Module(readFileSync(new URL('./simd.wasm', import.meta.url)));
    exports = new WebAssembly.Instance(compiled, { env: { memory: cache.memory } }).exports as unknown as Exports;
    instances.set(cache, exports);
  }
  return exports;
}

/** The attention op on SIMD WebAssembly: operands are copied beside the cache, which is read where it lies. */
export function attentionSimd({ q, k, v }: AttentionInputs, attrs: AttentionAttributes): tf.Tensor {
  const { cache, layer, rows, heads, scale, window } = attrs;
  const { kvHeads, headDim, pageSize } = cache.shape;
  const T = rows.positions.length;
  const kernel = kernelOver(cache);
  const longest = rows.positions.reduce((a, b) => Math.max(a, b), 0) + 4;
  const sizes = [T * heads * headDim, T * heads * headDim, T * kvHeads * headDim, T * kvHeads * headDim];
  sizes.push(T, T, T, rows.pages.length, longest);
  const offsets: number[] = [];
  let end = cache.scratchOffset;
  for (const size of sizes) {
    offsets.push(end);
    end += Math.ceil((size * 4) / 16) * 16;
  }
  const buffer = cache.reserveScratch(end - cache.scratchOffset);
  const [qAt, outAt, kAt, vAt, positionsAt, slotsAt, tablesAt, pagesAt, scoresAt] = offsets;
  new Float32Array(buffer, qAt, sizes[0]).set(q.dataSync());
  new Float32Array(buffer, kAt, sizes[2]).set(k.dataSync());
  new Float32Array(buffer, vAt, sizes[3]).set(v.dataSync());
  new Int32Array(buffer, positionsAt, T).set(rows.positions);
  new Int32Array(buffer, slotsAt, T).set(rows.slots);
  new Int32Array(buffer, tablesAt, T).set(rows.tables);
  new Int32Array(buffer, pagesAt, rows.pages.length).set(rows.pages);
  const keys = cache.base(layer, 0);
  const values = cache.base(layer, 1);
  kernel.append(T, kvHeads, headDim, pageSize, kAt, vAt, slotsAt, keys, values);
  kernel.attend(
    ...([T, heads, kvHeads, headDim, pageSize, scale, window ?? 0] as const),
    ...([qAt, outAt, positionsAt, tablesAt, pagesAt, keys, values, scoresAt] as const),
  );
  return tf.tensor2d(new Float32Array(buffer, outAt, sizes[1]).slice(), [T, heads * headDim]);
}
