import type { BackendChoice } from '../../kernels/backends/names.js';
import { memoryFolder, openFolder } from '../../models/checkpoint/folder.js';
import { type BankFile, bankFileSchema } from '../../src/conformal/bank-format.js';
import type { Engine } from '../../src/engine/engine.js';
import { Device } from '../../src/engine/local/device.js';
import { LocalEngine } from '../../src/engine/local/local-engine.js';
import { bytePairTokenizer } from '../../src/engine/tokenizer/byte-pair.js';
import { folderTokenizer } from '../../src/engine/tokenizer/folder.js';
import { AttsError } from '../../src/errors.js';
import type { Author } from '../../src/scaling/transcripts/transcript.js';
import { configOf } from './answer.js';

const files = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'];

export type OpenedModels = Readonly<Record<Author, Engine>>;

/** The embedded pair. */
export async function openModels(backend: BackendChoice, threads: number): Promise<OpenedModels> {
  const { draft, target } = configOf();
  return { draft: await openModel(draft, backend, threads), target: await openModel(target, backend, threads) };
}

/** Opens an embedded checkpoint, fetched as a whole, on the device that the page's models share. */
async function openModel(name: string, backend: BackendChoice, threads: number): Promise<Engine> {
  const path = `models/abacus/${name}`;
  const contents = await Promise.all(files.map(async (file) => [file, await fetched(`${path}/${file}`)] as const));
  const folder = memoryFolder(path, new Map(contents));
  const reopen = () => openFolder(folder, name);
  const tokenizer = bytePairTokenizer(folderTokenizer(folder));
  const device = await Device.open(backend, threads);
  return device.use(() => new LocalEngine(reopen(), tokenizer, device, { dtype: 'auto', memory: 64, reopen }));
}

/** The scores that chunks are compared with. */
export async function openBank(): Promise<BankFile> {
  return bankFileSchema.parse(JSON.parse(new TextDecoder().decode(await fetched('bank.json'))));
}

async function fetched(path: string): Promise<Uint8Array> {
  const response = await fetch(path);
  if (!response.ok) throw new AttsError('io', `${response.url}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
