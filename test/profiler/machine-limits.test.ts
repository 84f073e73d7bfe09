import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { weightDtypes } from '../../kernels/ops/linear/index.js';
import { machineLimits } from '../../src/profiler/machine-limits.js';

describe('limits of this machine', () => {
  const home = mkdtempSync(join(tmpdir(), 'atts-limits-'));
  const original = process.env.XDG_CACHE_HOME;
  before(() => {
    process.env.XDG_CACHE_HOME = home;
  });
  after(() => {
    if (original === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = original;
    rmSync(home, { recursive: true });
  });
  const file = () => join(home, 'atts', readdirSync(join(home, 'atts'))[0]);

  it('are measured once, then read; measured anew on request and where the file is damaged', async () => {
    const measured = await machineLimits('auto', 1);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).to.deep.equal(measured);
    expect(await machineLimits('auto', 1)).to.deep.equal(measured);
    for (const [content, isAsked, opMicroseconds] of [
      ['{}', false, 8],
      [JSON.stringify(measured), true, 9],
    ] as const) {
      writeFileSync(file(), content);
      const again = await machineLimits('auto', 1, isAsked, async () => ({ ...measured, opMicroseconds }));
      expect(again.opMicroseconds).to.equal(opMicroseconds);
      expect(JSON.parse(readFileSync(file(), 'utf8'))).to.deep.equal(again);
    }
  });

  it('tell of every arithmetic, dtype and level, on one thread and on all', async () => {
    const { peaks, matrices, products, memory } = await machineLimits('auto', 1);
    expect(peaks.map(({ arithmetic }) => arithmetic)).to.deep.equal(['float32', 'int16', 'exponential']);
    expect(matrices.map(({ dtype }) => dtype)).to.deep.equal([...weightDtypes]);
    for (const level of ['L2', 'DRAM']) {
      const dtypes = products.filter((roof) => roof.level === level).map(({ dtype }) => dtype);
      expect([...new Set(dtypes)]).to.deep.equal([...weightDtypes]);
    }
    expect(memory.map(({ level }) => level)).to.deep.equal(['L1', 'L2', 'LLC', 'DRAM']);
    const [first, last] = [memory[0], memory[memory.length - 1]];
    // A cache is faster than the memory behind it, whatever else the machine does meanwhile.
    expect(first.read).to.be.greaterThan(last.read);
  });
});
