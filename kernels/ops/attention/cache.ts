import { AttsError } from '../../../src/errors.js';
import { PerBackend } from '../../tfjs.js';
import { bf16Bits, bf16Value } from '../linear/bf16.js';

/** How keys and values are kept; bf16 halves their memory and rounds them to 8 significant bits. */
export type CacheDtype = 'f32' | 'bf16';

/** Bytes of one kept value. */
export const cacheBytes = { f32: 4, bf16: 2 } as const satisfies Record<CacheDtype, number>;

/** Shape of a paged KV cache. */
export interface KvCacheShape {
  readonly layers: number;
  readonly pages: number;
  /** Tokens a page. */
  readonly pageSize: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly dtype: CacheDtype;
}

/** Bytes of one page over all layers, keys and values. */
export function pageBytes({ layers, pageSize, kvHeads, headDim, dtype }: Omit<KvCacheShape, 'pages'>): number {
  return layers * 2 * kvHeads * pageSize * headDim * cacheBytes[dtype];
}

/** Memory of a cache: float32 values, or the bits of bfloat16 ones. */
export type CacheData = Float32Array | Uint16Array;

/** Where a cache lies: its values, and their address where kernels need one. */
export interface CacheStore {
  readonly data: CacheData;
  readonly address: number;
  release(): void;
}

/** Memory of a cache of so many bytes; the stock backends read it from JavaScript. */
export const cacheStore = new PerBackend<(bytes: number, dtype: CacheDtype) => CacheStore>((bytes, dtype) => {
  try {
    const data = dtype === 'f32' ? new Float32Array(bytes / 4) : new Uint16Array(bytes / 2);
    return { data, address: 0, release() {} };
  } catch (cause) {
    throw new AttsError('engine', `there is no room for a KV cache of ${bytes} bytes; lower --memory`, { cause });
  }
});

/**
 * Keys and values of every cached token, written in place by ropeAppend and by nothing else. The operating system gives the memory page by page as it is written. Layout: [layer][keys | values][page][kvHead], then values as
 * [slot][headDim] and keys as [headDim][slot], so that one multiply-add serves four positions.
 */
export class KvCache {
  readonly shape: KvCacheShape;
  readonly data: CacheData;
  private readonly store: CacheStore;

  /** @throws AttsError `engine` where the backend has no room for it */
  constructor(shape: KvCacheShape) {
    this.shape = shape;
    this.store = cacheStore.active(shape.pages * pageBytes(shape), shape.dtype);
    this.data = this.store.data;
  }

  dispose(): void {
    this.store.release();
  }

  /** Address of a layer's keys (0) or values (1), for kernels. */
  pointer(layer: number, values: 0 | 1): number {
    return this.store.address + this.base(layer, values) * cacheBytes[this.shape.dtype];
  }

  /** Writes the `headDim` values of one kv head of one token. */
  set(layer: number, values: 0 | 1, slot: number, kvHead: number, vector: Float32Array): void {
    const { at, step } = this.place(layer, values, slot, kvHead);
    const bits = this.shape.dtype === 'bf16' ? bf16Bits : (value: number) => value;
    for (let d = 0; d < vector.length; d++) this.data[at + d * step] = bits(vector[d]);
  }

  /** Reads them. */
  get(layer: number, values: 0 | 1, slot: number, kvHead: number): Float32Array {
    const { at, step } = this.place(layer, values, slot, kvHead);
    const vector = new Float32Array(this.shape.headDim);
    const value = this.shape.dtype === 'bf16' ? bf16Value : (bits: number) => bits;
    for (let d = 0; d < vector.length; d++) vector[d] = value(this.data[at + d * step]);
    return vector;
  }

  /** Copies the first tokens of a page, over all layers. */
  copyPage(from: number, to: number, tokens: number): void {
    const { layers, kvHeads, pageSize, headDim } = this.shape;
    for (let layer = 0; layer < layers; layer++) {
      for (let h = 0; h < kvHeads; h++) {
        const values = [from, to].map((page) => this.place(layer, 1, page * pageSize, h).at);
        this.data.copyWithin(values[1], values[0], values[0] + tokens * headDim);
        const keys = [from, to].map((page) => this.place(layer, 0, page * pageSize, h).at);
        for (let d = 0; d < headDim * pageSize; d += pageSize) {
          this.data.copyWithin(keys[1] + d, keys[0] + d, keys[0] + d + tokens);
        }
      }
    }
  }

  /** Where a vector begins and how far apart its values lie, in values. */
  private place(layer: number, values: 0 | 1, slot: number, kvHead: number): { at: number; step: number } {
    const { kvHeads, pageSize, headDim } = this.shape;
    const inPage = slot % pageSize;
    const block = (Math.floor(slot / pageSize) * kvHeads + kvHead) * pageSize * headDim + this.base(layer, values);
    return values ? { at: block + inPage * headDim, step: 1 } : { at: block + inPage, step: pageSize };
  }

  private base(layer: number, values: 0 | 1): number {
    const { pages, kvHeads, pageSize, headDim } = this.shape;
    return (layer * 2 + values) * pages * kvHeads * pageSize * headDim;
  }
}

/**
 * The ragged rows of one forward pass: T tokens of several sequences side by side.
 * A token's cache slot is page · pageSize + its place in the page.
 */
export interface RaggedRows {
  /** [T] 0-based position in its sequence. */
  readonly positions: Int32Array;
  /** [T] cache slot the row's key and value are written to. */
  readonly slots: Int32Array;
  /** [T] where the row's page table begins in `pages`; rows of one sequence share theirs. */
  readonly tables: Int32Array;
  /** Page tables of the sequences, one after the other. */
  readonly pages: Int32Array;
}
