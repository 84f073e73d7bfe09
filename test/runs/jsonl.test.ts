import fs, { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { z } from 'zod';
import { JsonlWriter, readJsonl, strictJson } from '../../src/runs/index.js';
import { refusal, temporaryFolder, withFs } from './fixtures.js';

const schema = z.strictObject({ n: z.number(), text: z.string() });

describe('JSON lines', () => {
  const folder = temporaryFolder();
  const file = () => join(folder(), 'log.jsonl');

  function write(records: readonly object[]): void {
    const writer = JsonlWriter.open(file());
    for (const record of records) writer.append(record);
    writer.sync();
    writer.close();
  }

  it('cut at any byte, keep exactly the whole lines, and a new writer goes on behind them', () => {
    const record = fc.record({ n: fc.integer(), text: fc.string({ unit: 'binary' }) });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 6 }), fc.nat(), (records, cut) => {
        writeFileSync(file(), '');
        write(records);
        const bytes = readFileSync(file());
        const size = cut % (bytes.length + 1);
        truncateSync(file(), size);
        const whole = bytes.subarray(0, size).filter((byte) => byte === 10).length;
        expect(readJsonl(file(), schema)).to.deep.equal(records.slice(0, whole));
        const next = { n: 1, text: 'next' };
        write([next]);
        expect(readJsonl(file(), schema)).to.deep.equal([...records.slice(0, whole), next]);
      }),
      { numRuns: 200 },
    );
  });

  it('cut off a torn line longer than the block it is looked for in', () => {
    write([{ n: 1, text: 'a' }]);
    appendFileSync(file(), `{"n":2,"text":"${'x'.repeat(300_000)}`);
    write([{ n: 3, text: 'c' }]);
    expect(readJsonl(file(), schema).map(({ n }) => n)).to.deep.equal([1, 3]);
  });

  it('name file and line of a bad line that is not the last, torn one', () => {
    writeFileSync(file(), '{"n":1,"text":"a"}\n{"n":\n{"n":3,"text":"c"}\n');
    const notJson = refusal(() => readJsonl(file(), schema));
    expect(notJson.message).to.contain(`${file()}:2 is not JSON`);
    writeFileSync(file(), '{"n":1,"text":"a"}\n{"n":2}\n');
    const notRecord = refusal(() => readJsonl(file(), schema));
    expect(notRecord.message).to.contain(`${file()}:2 is not a valid record (text:`);
    for (const { message, code } of [notJson, notRecord]) {
      expect(message).to.not.contain('\n');
      expect(code).to.equal('run');
    }
  });

  it('say so when a number is not finite, and write nothing of that record', () => {
    const writer = JsonlWriter.open(file());
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const error = refusal(() => writer.append({ n: 1, inner: [{ score: value }] }));
      expect(error.code).to.equal('run');
      expect(error.message).to.contain(`score is ${value}`);
    }
    writer.append({ n: 1, text: 'a' });
    writer.close();
    expect(readJsonl(file(), schema)).to.deep.equal([{ n: 1, text: 'a' }]);
    expect(strictJson({ a: null })).to.equal('{"a":null}');
  });

  it('take back half a line when the disk fills up in the middle of it, and write nothing after it', () => {
    const writer = JsonlWriter.open(file());
    writer.append({ n: 1, text: 'a' });
    const real = fs.writeSync;
    let calls = 0;
    const fillsUp = ((descriptor: number, line: Buffer) => {
      if (calls++ === 0) return real(descriptor, line, 0, 5);
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    }) as typeof fs.writeSync;
    const error = withFs({ writeSync: fillsUp }, () => refusal(() => writer.append({ n: 2, text: 'b' })));
    expect(calls).to.equal(2);
    expect(error.code).to.equal('io');
    expect(error.message).to.equal(
      `cannot write ${file()}: no space left on device; free some space and run the same command again to resume`,
    );
    expect(readFileSync(file(), 'utf8')).to.equal('{"n":1,"text":"a"}\n');
    expect(refusal(() => writer.append({ n: 3, text: 'c' }))).to.equal(error);
    writer.close();
    expect(readJsonl(file(), schema).map(({ n }) => n)).to.deep.equal([1]);
  });

  it('never report success again after a failed sync', () => {
    const writer = JsonlWriter.open(file());
    writer.append({ n: 1, text: 'a' });
    const fails = () => {
      throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
    };
    const error = withFs({ fsyncSync: fails }, () => refusal(() => writer.sync()));
    expect(error.message).to.equal(`cannot write ${file()}: EIO: i/o error, fsync`);
    expect(refusal(() => writer.sync())).to.equal(error);
    writer.close();
  });

  it('are not written through a closed writer, whose descriptor may be another file by then', () => {
    const writer = JsonlWriter.open(file());
    writer.close();
    writer.close();
    const other = join(folder(), 'other');
    const descriptor = fs.openSync(other, 'w');
    expect(refusal(() => writer.append({ n: 1, text: 'a' })).message).to.contain('it is closed');
    fs.closeSync(descriptor);
    expect(readFileSync(other, 'utf8')).to.equal('');
  });
});
