import { z } from 'zod';
import { AttsError } from '../../src/errors.js';
import type { StoredTensor } from './checkpoint.js';
import { type FloatDtype, storedBytes } from './dtypes.js';
import { shown, type WeightsFile } from './file.js';
import type { CheckpointFolder } from './folder.js';
import { storedTensor } from './stored-tensor.js';

/** Longest header that is read: real ones are below a few MiB. */
const longestHeader = 100 * 2 ** 20;

const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().min(0)).max(8),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});
const dtypes: ReadonlySet<string> = new Set<FloatDtype>(['F32', 'F16', 'BF16']);
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

export interface Weights {
  readonly tensors: Map<string, StoredTensor>;
  /** Sorted by name. */
  readonly files: readonly WeightsFile[];
}

/** Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names. */
export function openSafetensors(folder: CheckpointFolder): Weights {
  const single = folder.weights('model.safetensors');
  if (single) return combine([openFile(single)]);
  const indexText = folder.text('model.safetensors.index.json');
  if (indexText === null) {
    throw new AttsError('checkpoint', `${folder.path}: no model.safetensors and no model.safetensors.index.json`);
  }
  const index = folder.pathOf('model.safetensors.index.json');
  const { weight_map: weightMap } = parse(index, indexText, indexSchema);
  const shards = new Map<string, OpenFile>();
  try {
    for (const [tensor, shard] of Object.entries(weightMap)) {
      if (/[\\/]/.test(shard))
        throw new AttsError('checkpoint', `${index}: shard ${shown(shard)} is not a plain file name`);
      const file = shards.get(shard) ?? openFile(present(folder, shard));
      shards.set(shard, file);
      if (!file.tensors.has(tensor))
        throw new AttsError('checkpoint', `${file.file.path}: no tensor ${shown(tensor)}, which ${index} puts there`);
    }
    return combine([...shards.values()]);
  } catch (error) {
    for (const shard of shards.values()) shard.file.close();
    throw error;
  }
}

interface OpenFile {
  readonly file: WeightsFile;
  readonly tensors: Map<string, StoredTensor>;
}

function combine(files: readonly OpenFile[]): Weights {
  const sorted = [...files].sort((a, b) => a.file.path.localeCompare(b.file.path));
  const tensors = new Map<string, StoredTensor>();
  for (const { file, tensors: own } of sorted) {
    for (const [name, tensor] of own) {
      if (tensors.has(name))
        throw new AttsError('checkpoint', `${file.path}: tensor ${shown(name)} is in another shard too`);
      tensors.set(name, tensor);
    }
  }
  return { tensors, files: sorted.map(({ file }) => file) };
}

function present(folder: CheckpointFolder, shard: string): WeightsFile {
  const file = folder.weights(shard);
  if (file === null) throw new AttsError('checkpoint', `${folder.pathOf(shard)}: cannot be opened`);
  return file;
}

function openFile(file: WeightsFile): OpenFile {
  try {
    return { file, tensors: readHeader(file) };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The header, checked so that nothing behind it can read outside the file. */
function readHeader(file: WeightsFile): Map<string, StoredTensor> {
  const { path, size } = file;
  const bad = (what: string) => new AttsError('checkpoint', `${path}: ${what}; the file is corrupt, get it again`);
  if (size < 8) throw bad('shorter than its 8-byte header length');
  const headerLength = Number(new DataView(file.read(0, 8).buffer).getBigUint64(0, true));
  if (headerLength > longestHeader || headerLength + 8 > size) {
    throw bad(`its header claims ${headerLength} bytes of a file of ${size}`);
  }
  const text = new TextDecoder().decode(file.read(8, headerLength));
  const header = parse(path, text, z.record(z.string(), z.unknown()));
  const dataStart = 8 + headerLength;
  const tensors = new Map<string, StoredTensor>();
  const spans: { begin: number; end: number; name: string }[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const entry = entrySchema.safeParse(value);
    if (!entry.success) throw bad(`tensor ${shown(name)} has a malformed header entry`);
    const { dtype, shape, data_offsets: offsets } = entry.data;
    if (!dtypes.has(dtype)) {
      throw new AttsError(
        'checkpoint',
        `${path}: tensor ${shown(name)} is ${shown(dtype)}; F32, F16 and BF16 are supported`,
      );
    }
    const stored = dtype as FloatDtype;
    const [begin, end] = offsets;
    const bytes = storedBytes(stored, shape);
    if (bytes === null || end - begin !== bytes || dataStart + end > size) {
      throw bad(`tensor ${shown(name)} needs ${bytes} bytes but lies at ${begin}–${end} of ${size - dataStart}`);
    }
    spans.push({ begin, end, name });
    tensors.set(name, storedTensor(file, { name, shape, dtype: stored, position: dataStart + begin, bytes }));
  }
  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  for (let i = 1; i < spans.length; i++) {
    if (spans[i].begin < spans[i - 1].end)
      throw bad(`tensors ${shown(spans[i - 1].name)} and ${shown(spans[i].name)} overlap`);
  }
  return tensors;
}

function parse<T>(path: string, text: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new AttsError('checkpoint', `${path}: its JSON is not what it should be; the file is corrupt, get it again`);
  }
}
