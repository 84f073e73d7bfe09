import { AttsError } from '../../../src/errors.js';
import type { StoredTensor } from '../checkpoint.js';
import { openWeightsFile } from '../disk.js';
import { shown, type WeightsFile } from '../file.js';
import { storedTensor } from '../stored-tensor.js';
import { readArchitecture } from './architecture.js';
import { parseHeader } from './header.js';
import { tensorNames } from './names.js';

export interface GgufWeights {
  readonly file: WeightsFile;
  /** The metadata in the terms of config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  /** By their Hugging Face names. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** @throws AttsError `checkpoint`, one line */
export function openGguf(path: string): GgufWeights {
  const file = openWeightsFile(path);
  try {
    const header = parseHeader(file);
    const stored = new Map(header.tensors.map((tensor) => [tensor.name, tensor]));
    const rope = stored.get('rope_freqs.weight');
    const divisors = rope ? [...storedTensor(file, rope).read()] : null;
    const { config, headDim, isRotatedPairwise } = readArchitecture(path, header, divisors);
    const tensors = new Map<string, StoredTensor>();
    const names = tensorNames(config);
    for (const tensor of header.tensors) {
      if (tensor === rope) continue;
      const { name, shape, dtype } = tensor;
      const known = names.get(name);
      if (known === undefined) {
        throw new AttsError('checkpoint', `${path}: tensor ${shown(name)} is not one that ${config.model_type} has`);
      }
      if (shape.length === 1 && dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
        throw new AttsError('checkpoint', `${path}: tensor ${name} is a vector of ${dtype}, which is not supported`);
      }
      const isTurned = isRotatedPairwise && known.isRotated && shape[0] % headDim === 0;
      tensors.set(known.name, { ...storedTensor(file, tensor, isTurned ? headDim : null), name: known.name });
    }
    return { file, config, tensors };
  } catch (error) {
    file.close();
    throw error;
  }
}
