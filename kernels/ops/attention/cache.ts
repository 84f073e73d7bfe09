import { AttsError } from '../../../src/errors.js';
import { PerBackend } from '../../tfjs.js';

/** Shape of a paged KV cache. */
export interface KvCacheShape {
  readonly layers: number;
  readonly pages: number;
  /** Tokens a page. */
  readonly pageSize: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** Bytes of one page over all layers, keys and values, float32. */
export function pageBytes({ layers, pageSize, kvHeads, headDim }: Omit<KvCacheShape, 'pages'>): number {
  return layers * 2 * kvHeads * pageSize * headDim * 4;
}

/** Where a cache lies: its values, and their address where kernels need one. */
export interface CacheStore {
  /** None where JavaScript does not reach them. */
  readonly floats: Float32Array;
  readonly address: number;
  release(): void;
  /** Copies a page over all layers, where `floats` cannot. */
  copyPage?(from: number, to: number): void;
}

/** Memory of a cache of so many bytes; the stock backends read it from JavaScript. */
export const cacheStore = new PerBackend<(bytes: number, shape: KvCacheShape) => CacheStore>((bytes) => {
  try {
    return { floats: new Float32Array(bytes / 4), address: 0, release() {} };
  } catch (cause) {
    throw new AttsError('engine', `there is no room for a KV cache of ${bytes} bytes; lower --memory`, { cause });
  }
});

/**
 * Keys and values of every cached token, float32, written in place by ropeAppend and by nothing else. The operating
 * system gives the memory page by page as it is written. Layout: [layer][keys | values][page][kvHead], then values as
 * [slot][headDim] and keys as [headDim][slot], so that one multiply-add serves four positions.
 */
export class KvCache {
  readonly shape: KvCacheShape;
  readonly floats: Float32Array;
  readonly store: CacheStore;

  /** @throws AttsError `engine` where the backend has no room for it */
  constructor(shape: KvCacheShape) {
    this.shape = shape;
    this.store = cacheStore.active(shape.pages * pageBytes(shape), shape);
    this.floats = this.store.floats;
  }

  dispose(): void {
    this.store.release();
  }

  /** Address of a layer's keys (0) or values (1), for kernels. */
  pointer(layer: number, values: 0 | 1): number {
    return this.store.address + this.base(layer, values) * 4;
  }

  /** Writes the `headDim` values of one kv head of one token. */
  set(layer: number, values: 0 | 1, slot: number, kvHead: number, vector: Float32Array): void {
    const { at, step } = this.place(layer, values, slot, kvHead);
    for (let d = 0; d < vector.length; d++) this.floats[at + d * step] = vector[d];
  }

  /** Reads them. */
  get(layer: number, values: 0 | 1, slot: number, kvHead: number): Float32Array {
    const { at, step } = this.place(layer, values, slot, kvHead);
    return Float32Array.from({ length: this.shape.headDim }, (_, d) => this.floats[at + d * step]);
  }

  /** Copies the first tokens of a page, over all layers. */
  copyPage(from: number, to: number, tokens: number): void {
    if (this.store.copyPage) {
      this.store.copyPage(from, to);
      return;
    }
    const { layers, kvHeads, pageSize, headDim } = this.shape;
    for (let layer = 0; layer < layers; layer++) {
      for (let h = 0; h < kvHeads; h++) {
        const values = [from, to].map((page) => this.place(layer, 1, page * pageSize, h).at);
        this.floats.copyWithin(values[1], values[0], values[0] + tokens * headDim);
        const keys = [from, to].map((page) => this.place(layer, 0, page * pageSize, h).at);
        for (let d = 0; d < headDim * pageSize; d += pageSize) {
          this.floats.copyWithin(keys[1] + d, keys[0] + d, keys[0] + d + tokens);
        }
      }
    }
  }

  /** Where a vector begins and how far apart its values lie, in floats. */
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
