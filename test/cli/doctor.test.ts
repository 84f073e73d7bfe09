import { expect } from 'chai';
import { backendChoices, type DoctorReport } from '../../src/index.js';
import { atts } from './atts.js';

describe('command line: doctor', function () {
  this.timeout(180_000);
  let report: DoctorReport;
  before(async () => {
    const { code, stdout, stderr } = await atts(['doctor', '--json']);
    expect(code, stderr).to.equal(0);
    report = JSON.parse(stdout) as DoctorReport;
  });

  it('tests every backend that --backend may name, each to its end', () => {
    expect(report.schema).to.equal('atts.doctor/1');
    expect(['auto', ...report.backends.map(({ name }) => name)]).to.deep.equal([...backendChoices]);
    for (const backend of report.backends) {
      if (backend.state === 'unusable') {
        expect(backend.why).to.match(/^[^\n]+$/);
      } else {
        expect(backend.state, backend.name).to.equal('passed');
        expect(backend.largestError).to.be.within(0, 1e-3);
        expect(backend.build).to.match(new RegExp(`^${backend.name} tfjs-`));
      }
    }
  });

  it('finds usable what needs no installation', () => {
    const usable = report.backends.filter(({ state }) => state === 'passed').map(({ name }) => name);
    expect(usable).to.include.members(['simd', 'simd-plain', 'wasm', 'cpu']);
  });

  it('says what is chosen and why, what the limits are and what would make it faster', () => {
    const { automatic, roofs, machine, kernels, advice } = report;
    expect(automatic.name).to.equal('simd');
    expect(automatic.why).to.match(/^[^\n]+$/);
    expect(roofs.bandwidth).to.be.above(0.1);
    expect(roofs.peak).to.be.above(0.1);
    expect(kernels.threads).to.equal(machine.usableCores);
    expect(advice.length).to.be.at.least(1);
  });

  it('prints a page, a line a backend, without --json', async () => {
    const { code, stdout } = await atts(['doctor']);
    expect(code).to.equal(0);
    for (const { name, state } of report.backends) expect(stdout).to.match(new RegExp(`^${name} +${state} `, 'm'));
    expect(stdout).to.match(/^automatic {2}simd: /m);
  });
});
