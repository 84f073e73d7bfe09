import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { readBankFile, writeBankFile } from '../../src/conformal/bank-file.js';
import type { BankFile } from '../../src/conformal/bank-format.js';
import { decodeNpy, encodeNpy } from '../../src/conformal/npy.js';
import { AttsError } from '../../src/errors.js';

/** A file as numpy.save writes it, of any header and data. */
function npy(header: string, data: Buffer, version = 1): Buffer {
  const text = Buffer.from(`${header}\n`, 'latin1');
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUInt16LE(text.length);
  return Buffer.concat([Buffer.from('\x93NUMPY', 'latin1'), Buffer.from([version, 0]), length, text, data]);
}

const header = (descr: string, shape: string, fortran = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${shape}), }`;

const one = (size: number, write: (bytes: Buffer) => void) => {
  const bytes = Buffer.alloc(size);
  write(bytes);
  return bytes;
};

describe('an NPY array', () => {
  it('comes back as it was, in one dimension and in two', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true })), fc.integer({ min: 1, max: 4 }), (values, rows) => {
        expect(decodeNpy(encodeNpy({ shape: [values.length], data: values }))).deep.equal({
          ...{ shape: [values.length], data: values },
        });
        const data = Array.from({ length: rows }, () => values).flat();
        const shape = [rows, values.length] as const;
        expect(decodeNpy(encodeNpy({ shape, data }))).deep.equal({ shape: [...shape], data });
      }),
    );
  });

  it('begins its data at a multiple of 64 bytes', () => {
    for (const count of [0, 1, 1234567]) {
      const bytes = encodeNpy({ shape: [count], data: [] });
      expect(bytes.length % 64).equal(0);
    }
  });

  it('is read in every numeric type, and in every version of the format', () => {
    const cases: [descr: string, data: Buffer, value: number][] = [
      ['<f4', one(4, (bytes) => bytes.writeFloatLE(1.5)), 1.5],
      ['<f8', one(8, (bytes) => bytes.writeDoubleLE(0.1)), 0.1],
      ['|i1', one(1, (bytes) => bytes.writeInt8(-3)), -3],
      ['|u1', one(1, (bytes) => bytes.writeUInt8(200)), 200],
      ['<i2', one(2, (bytes) => bytes.writeInt16LE(-300)), -300],
      ['<u2', one(2, (bytes) => bytes.writeUInt16LE(60000)), 60000],
      ['<i4', one(4, (bytes) => bytes.writeInt32LE(-70000)), -70000],
      ['<u4', one(4, (bytes) => bytes.writeUInt32LE(4e9)), 4e9],
      ['<i8', one(8, (bytes) => bytes.writeBigInt64LE(-5n)), -5],
      ['<u8', one(8, (bytes) => bytes.writeBigUInt64LE(2n ** 40n)), 2 ** 40],
    ];
    for (const [descr, data, value] of cases) {
      for (const version of [1, 2, 3]) {
        expect(decodeNpy(npy(header(descr, '1,'), data, version)).data, descr).deep.equal([value]);
      }
    }
  });
});

describe('a bank in NPY', () => {
  let path: string;
  before(async () => {
    path = join(await mkdtemp(join(tmpdir(), 'atts-npy-')), 'bank.npy');
  });
  after(() => rm(join(path, '..'), { recursive: true }));

  it('is a list of scores in one dimension, lists by question in two', async () => {
    await writeFile(path, encodeNpy({ shape: [3], data: [1, Number.POSITIVE_INFINITY, 2] }));
    expect((await readBankFile(path)).turns).deep.equal([[1, Number.POSITIVE_INFINITY, 2]]);
    await writeFile(path, encodeNpy({ shape: [2, 3], data: [1, 2, 3, 4, 5, 6] }));
    expect((await readBankFile(path)).questions).deep.equal({ 0: [1, 2, 3], 1: [4, 5, 6] });
  });

  it('is known by its contents, whatever its name', async () => {
    const other = join(path, '..', 'scores');
    await writeFile(other, encodeNpy({ shape: [1], data: [7] }));
    expect((await readBankFile(other)).turns).deep.equal([[7]]);
  });

  it('keeps problems as rows where all have as many scores', async () => {
    const file: BankFile = { schema: 'atts.bank/1', provenance: { draft: 'd' }, turns: [[1, 2, 3, 4]] };
    const saved = async (problems: string[][] | undefined) => {
      await writeBankFile(path, { ...file, problems });
      const { turns, questions } = await readBankFile(path);
      return questions ?? turns;
    };
    expect(await saved([['a', 'b', 'a', 'b']])).deep.equal({ 0: [1, 3], 1: [2, 4] });
    expect(await saved([['a', 'b', 'a', 'a']])).deep.equal([[1, 2, 3, 4]]);
    expect(await saved(undefined)).deep.equal([[1, 2, 3, 4]]);
  });

  it('is refused on one line when it is no array of scores', async () => {
    const double = (...values: number[]) =>
      encodeNpy({ shape: [values.length], data: values }).subarray(-8 * values.length);
    const good = npy(header('<f8', '2,'), double(1, 2));
    const pickle = Buffer.from('\x80\x04\x95\x15\x00cos\nsystem\n', 'latin1');
    const cases: [Buffer, string][] = [
      [npy(header('|O', '1,'), pickle), 'Python objects (a pickle), which are never loaded'],
      [pickle, 'does not begin like an NPY file'],
      [Buffer.alloc(0), 'does not begin like an NPY file'],
      [good.subarray(0, 8), 'truncated within its header'],
      [good.subarray(0, 40), 'truncated within its header'],
      [good.subarray(0, -1), 'truncated ('],
      [Buffer.concat([good, Buffer.from([0])]), 'longer than its header says'],
      [npy(header('<f8', '2,'), double(1, 2), 9), 'version 9'],
      [npy(header('<f2', '1,'), Buffer.alloc(2)), 'dtype <f2'],
      [npy(header('>f8', '1,'), Buffer.alloc(8)), 'dtype >f8'],
      [npy(header('<c16', '1,'), Buffer.alloc(16)), 'dtype <c16'],
      [npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", double(1)), 'a structured type'],
      [npy(header('<f8', '2, 2', 'True'), double(1, 2, 3, 4)), 'Fortran order'],
      [npy(header('<f8', ''), double(1)), '0 dimensions'],
      [npy(header('<f8', '1, 1, 1'), double(1)), '3 dimensions'],
      [npy("{'descr': '<f8'}", double(1)), 'no shape'],
      [npy(header('<f8', '3,'), double(1, Number.NaN, 2)), 'turn 0, score 1 is NaN'],
      [npy(header('<f8', '2, 2'), double(1, 2, Number.NaN, 2)), 'question 1, score 0 is NaN'],
    ];
    for (const [bytes, words] of cases) {
      await writeFile(path, bytes);
      const error = await readBankFile(path).then(
        () => null,
        (cause: unknown) => cause,
      );
      expect(error, words).instanceOf(AttsError);
      expect((error as AttsError).message)
        .include(words)
        .and.include('bank.npy')
        .and.not.include('\n');
    }
  });

  it('has no room for several turns', async () => {
    const file: BankFile = { schema: 'atts.bank/1', provenance: {}, turns: [[1], [2]] };
    const error = await writeBankFile(path, file).catch((cause: unknown) => cause as AttsError);
    expect((error as AttsError).message).include('write JSON');
  });
});
