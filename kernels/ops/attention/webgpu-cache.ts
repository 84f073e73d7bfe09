import { AttsError } from '../../../src/errors.js';
import { webGpu, webGpuNames } from '../../backends/webgpu/index.js';
import { type CacheDtype, type CacheStore, cacheBytes, cacheStore, type KvCache, type KvCacheShape } from './cache.js';

/** Of attention's programs. */
export const widestHead = 2048;

/**
 * A cache on the device, a buffer a layer: keys, then values. A page of a kv head is [headDim / 4][slot] quads of four
 * dimensions for keys, so that neighbouring positions are read together, and [slot][headDim / 4] for values. A bfloat16 is
 * the upper half of a float32; of two in a word the first is the lower.
 */
class GpuCache implements CacheStore {
  readonly data = new Float32Array(0);
  readonly address = 0;
  readonly layers: readonly GPUBuffer[];
  private readonly backend = webGpu();
  /** Bytes of the keys, or values, of one page of one layer, and of all. */
  private readonly page: number;
  private readonly half: number;

  /** @throws AttsError `engine` for heads that attention does not take, and where the device has no room */
  constructor({ layers, pages, pageSize, kvHeads, headDim, dtype }: KvCacheShape) {
    if (headDim % 4 !== 0 || headDim > widestHead) {
      throw new AttsError(
        'engine',
        `--backend webgpu takes heads of 4, 8, … ${widestHead}, and these are of ${headDim}; use --backend simd`,
      );
    }
    this.page = kvHeads * pageSize * headDim * cacheBytes[dtype];
    this.half = pages * this.page;
    const what = 'a layer of the KV cache';
    this.layers = Array.from({ length: layers }, () => this.backend.allocate(2 * this.half, what));
  }

  release(): void {
    for (const buffer of this.layers) this.backend.destroyLater(buffer);
  }

  /** Whole pages: what lies beyond the copied tokens is written before it is read. */
  copyPage(from: number, to: number): void {
    // A buffer cannot be copied to itself.
    const between = this.backend.scratch(this.page);
    for (const buffer of this.layers) {
      for (const half of [0, this.half]) {
        this.backend.copy(buffer, half + from * this.page, between, 0, this.page);
        this.backend.copy(between, 0, buffer, half + to * this.page, this.page);
      }
    }
    this.backend.release(between);
  }
}

cacheStore.register(webGpuNames, (_, shape) => new GpuCache(shape));

/** WGSL: the quads of a bound cache, and what widens one. */
export const quadTypes: Readonly<Record<CacheDtype, string>> = { f32: 'vec4f', bf16: 'vec2u' };

export const widenedQuad: Readonly<Record<CacheDtype, string>> = {
  f32: 'fn widened(quad: vec4f) -> vec4f { return quad; }',
  bf16: `fn widened(quad: vec2u) -> vec4f {
  return bitcast<vec4f>(vec4u(quad.x << 16u, quad.x & 0xffff0000u, quad.y << 16u, quad.y & 0xffff0000u));
}`,
};

/** Keys and values of a layer. */
export function layerBuffer(cache: KvCache, layer: number): GPUBuffer {
  return (cache.store as GpuCache).layers[layer];
}
