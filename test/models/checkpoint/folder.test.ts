import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { abacusFolder } from '../../../models/abacus/paths.js';
import { diskFolder } from '../../../models/checkpoint/disk.js';
import { memoryFolder, openFolder } from '../../../models/checkpoint/folder.js';
import { bytePairTokenizer } from '../../../src/engine/tokenizer/byte-pair.js';
import { folderTokenizer } from '../../../src/engine/tokenizer/folder.js';

const name = 'abacus-qwen3-2m';
const path = join(abacusFolder, name);
const files = new Map(readdirSync(path).map((file) => [file, new Uint8Array(readFileSync(join(path, file)))] as const));

describe('a checkpoint whose files are in memory', () => {
  it('is the one on disk: configuration, weights, hash, tokenizer', () => {
    const [here, there] = [memoryFolder('at', files), diskFolder(path)];
    const [memory, disk] = [openFolder(here, name), openFolder(there, name)];
    expect(memory.config).to.deep.equal(disk.config);
    expect(memory.hash).to.equal(disk.hash);
    expect([...memory.tensors.keys()]).to.deep.equal([...disk.tensors.keys()]);
    for (const [tensor, { read }] of memory.tensors) expect(read()).to.deep.equal(disk.tensors.get(tensor)!.read());
    const [own, other] = [here, there].map((folder) => bytePairTokenizer(folderTokenizer(folder)));
    expect(own.fingerprint).to.equal(other.fingerprint);
    expect(own.stopIds).to.deep.equal(other.stopIds);
    disk.close();
  });

  it('says what is missing, by its name', () => {
    const without = (file: string) => memoryFolder('at', new Map([...files].filter(([other]) => other !== file)));
    expect(() => openFolder(without('config.json'), name)).to.throw('at/config.json is missing');
    expect(() => openFolder(without('model.safetensors'), name)).to.throw('at: no model.safetensors');
    expect(() => folderTokenizer(without('tokenizer.json'))).to.throw('at/tokenizer.json is missing');
  });
});
