import { AttsError } from '../../../src/errors.js';

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

const wasmPage = 65_536;
/** WebAssembly memory ends at 4 GiB; a part is left for the kernel's operands. */
export const largestCacheBytes = 3.75 * 2 ** 30;

/**
 * Keys and values of every cached token, written in place by the attention op and by nothing else.
 * Float32 in one WebAssembly memory, so that a compiled kernel reads it where it lies; the operating system gives it
 * real memory page by page as it is written. Layout: [layer][keys | values][page][kvHead][slot][headDim].
 */
export class KvCache {
  readonly shape: KvCacheShape;
  readonly memory: WebAssembly.Memory;
  /** Byte offset of the operands' area, which grows on demand. */
  readonly scratchOffset: number;

  constructor(shape: KvCacheShape) {
    const bytes = shape.pages * pageBytes(shape);
    if (bytes > largestCacheBytes) {
      throw new AttsError('engine', `a KV cache of ${bytes} bytes is over the 3.75 GiB that fit; lower --memory`);
    }
    this.shape = shape;
    this.scratchOffset = Math.ceil(bytes / wasmPage) * wasmPage;
    this.memory = new WebAssembly.Memory({ initial: this.scratchOffset / wasmPage + 16, maximum: wasmPage });
  }

  /** Byte offset of a layer's keys (0) or values (1). */
  base(layer: number, values: 0 | 1): number {
    const { pages, kvHeads, pageSize, headDim } = this.shape;
    return (layer * 2 + values) * pages * kvHeads * pageSize * headDim * 4;
  }

  /** Makes the operands' area at least so large and gives the current buffer. */
  reserveScratch(bytes: number): ArrayBuffer {
    const missing = this.scratchOffset + bytes - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / wasmPage));
    return this.memory.buffer;
  }

  /** Where `headDim` values of one kv head of one token lie, in floats from the start of the memory. */
  offset(layer: number, values: 0 | 1, slot: number, kvHead: number): number {
    const { kvHeads, pageSize, headDim } = this.shape;
    const page = Math.floor(slot / pageSize);
    return this.base(layer, values) / 4 + ((page * kvHeads + kvHead) * pageSize + (slot % pageSize)) * headDim;
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
