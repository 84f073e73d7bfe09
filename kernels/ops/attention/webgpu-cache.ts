import { AttsError } from '../../../src/errors.js';
import { webGpu, webGpuNames } from '../../backends/webgpu/index.js';
import { type CacheStore, cacheStore, type KvCache, type KvCacheShape } from './cache.js';

/**
 * A cache on the device, a buffer a layer: keys, then values. A page of a kv head is [headDim / 4][slot] quads of four
 * dimensions for keys, so that neighbouring positions are read together, and [slot][headDim / 4] for values.
 */
class GpuCache implements CacheStore {
  readonly data = new Float32Array(0);
  readonly address = 0;
  readonly layers: readonly GPUBuffer[];
  private readonly backend = webGpu();
  /** Bytes of the keys, or values, of one page of one layer, and of all. */
  private readonly page: number;
  private readonly half: number;

  constructor({ layers, pages, pageSize, kvHeads, headDim, dtype }: KvCacheShape) {
    if (dtype !== 'f32') throw new AttsError('usage', `--backend webgpu keeps keys and values as f32, not as ${dtype}`);
    this.page = kvHeads * pageSize * headDim * 4;
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

/** Keys and values of a layer. */
export function layerBuffer(cache: KvCache, layer: number): GPUBuffer {
  return (cache.store as GpuCache).layers[layer];
}
