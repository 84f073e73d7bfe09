/** What a checkpoint on disk is, whatever its file format. */

export type StoredDtype = 'F32' | 'F16' | 'BF16';

export interface StoredTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: StoredDtype;
  /** Reads the tensor and widens it to float32, row-major. */
  read(): Float32Array;
}

export interface Checkpoint {
  /** The folder's name. */
  readonly id: string;
  readonly folder: string;
  /** config.json as it stands. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** SHA-256 of the weights files, hex. */
  readonly hash: string;
  close(): void;
}
