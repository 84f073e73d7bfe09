import { AttsError } from '../../../src/errors.js';

const wasmPage = 65_536;
const mostPages = 65_536; // 4 GiB: what a 32-bit address reaches
/** Memory grows by at least this share of itself, so that a model's load does not grow it a tensor at a time. */
const growth = 0.25;

/** A piece of the heap: where it lies, and the size class it goes back to. */
export interface Block {
  readonly pointer: number;
  readonly bytes: number;
}

/**
 * One shared WebAssembly memory that all threads see, cut into blocks. A freed block is reused for its size class only:
 * a forward pass asks for the same sizes again and again, and then finds each at once. The operating system gives real
 * memory page by page as it is written.
 */
export class Heap {
  readonly memory: WebAssembly.Memory;
  private readonly free = new Map<number, number[]>();
  private top: number;
  private readonly limit: number;

  /** @param limit bytes, at most 4 GiB */
  constructor(reserved: number, limit = mostPages * wasmPage) {
    this.limit = limit;
    this.top = reserved;
    const initial = Math.ceil(reserved / wasmPage) + 256;
    this.memory = new WebAssembly.Memory({ initial, maximum: mostPages, shared: true });
  }

  /** Bytes between the bottom of the memory and the highest block that was ever given out. */
  get extent(): number {
    return this.top;
  }

  /** Whether a block of so many bytes is free, or fits below the limit. */
  has(bytes: number, limit: number): boolean {
    const size = classOf(bytes);
    return (this.free.get(size)?.length ?? 0) > 0 || this.top + size <= limit;
  }

  /** @throws AttsError `engine` where the memory ends */
  allocate(bytes: number): Block {
    const size = classOf(bytes);
    const pointer = this.free.get(size)?.pop() ?? this.extend(size);
    return { pointer, bytes: size };
  }

  release({ pointer, bytes }: Block): void {
    const list = this.free.get(bytes);
    if (list) list.push(pointer);
    else this.free.set(bytes, [pointer]);
  }

  float32(pointer: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, pointer, length);
  }

  int32(pointer: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, pointer, length);
  }

  uint16(pointer: number, length: number): Uint16Array {
    return new Uint16Array(this.memory.buffer, pointer, length);
  }

  private extend(bytes: number): number {
    const pointer = this.top;
    const end = pointer + bytes;
    if (end > this.limit) {
      const gibibytes = (n: number) => (n / 2 ** 30).toFixed(2);
      throw new AttsError(
        'engine',
        `one matrix, the KV cache or the activations of a pass need more than the ${gibibytes(this.limit)} GiB that a WebAssembly memory holds (${gibibytes(bytes)} GiB more were asked for); use a smaller dtype or a lower --memory`,
      );
    }
    const size = this.memory.buffer.byteLength;
    if (end > size) {
      const wanted = Math.max(end - size, Math.min(size * growth, this.limit - size));
      this.memory.grow(Math.min(Math.ceil(wanted / wasmPage), mostPages - size / wasmPage));
    }
    this.top = end;
    return pointer;
  }
}

/** Sizes in eight steps an octave from 64 bytes on: at most an eighth is wasted. All are multiples of 64. */
function classOf(bytes: number): number {
  if (bytes <= 512) return Math.max(64, Math.ceil(bytes / 64) * 64);
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 3);
  return Math.ceil(bytes / step) * step;
}
