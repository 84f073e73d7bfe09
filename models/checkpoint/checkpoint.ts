/** What a checkpoint on disk is, whatever its file format. */

/** The dtypes of safetensors that are read, and ggml's block types by their names. */
export type StoredDtype =
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'Q8_0'
  | 'Q4_0'
  | 'Q4_1'
  | 'Q5_0'
  | 'Q5_1'
  | 'Q4_K'
  | 'Q5_K'
  | 'Q6_K';

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
