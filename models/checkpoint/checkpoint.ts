/** What a checkpoint on disk is, whatever its file format. */

import type { QuantisedMatrix } from '../../kernels/ops/linear/index.js';
import { hashFiles, type WeightsFile } from './file.js';

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
  /** Rows of the first dimension from `first` on, or the whole tensor, widened to float32, row-major. */
  read(first?: number, count?: number): Float32Array;
  /** The very groups that are stored, as the kernels multiply them; absent where values are not stored in groups. */
  readonly groups?: {
    readonly dtype: QuantisedMatrix['dtype'];
    read(first: number, count: number): QuantisedMatrix;
  };
}

export interface Checkpoint {
  /** The name of the folder, or of the file without its ending. */
  readonly id: string;
  /** The folder, or the path or URL of the .gguf file. */
  readonly folder: string;
  /** config.json as it stands, or what a GGUF file's metadata say in its terms. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /**
   * SHA-256 of the weights files, hex; computed when first asked for, while the checkpoint is open. Of a file elsewhere,
   * size and ETag as its server tells them.
   */
  readonly hash: string;
  close(): void;
}

/** A checkpoint over its files of weights, which it closes. */
export function checkpointOf(
  fields: Pick<Checkpoint, 'id' | 'folder' | 'config' | 'tensors'>,
  files: readonly WeightsFile[],
): Checkpoint {
  let hash: string | undefined;
  return {
    ...fields,
    get hash() {
      hash ??= hashFiles(files);
      return hash;
    },
    close() {
      for (const file of files) file.close();
    },
  };
}
