import { expect } from 'chai';
import { weightDtypes } from '../../kernels/ops/linear/index.js';
import { drawSvg, limitsFigure } from '../../src/index.js';

describe('the figure of limits', () => {
  it('has a colour for every dtype that weights are kept in', async () => {
    const results = weightDtypes.map((dtype, i) => ({
      ...{ op: 'linear', dtype, rows: 1, shape: '64 → 64', ms: 1, gflops: 1, gbs: 1 },
      ...{ limit: 'bandwidth' as const, roof: 50, ratio: (i + 1) / 10 },
    }));
    const svg = await drawSvg(limitsFigure({ results }));
    const dots = svg.slice(svg.indexOf('mark-symbol'), svg.indexOf('role-legend')).match(/fill="#[0-9a-f]{6}"/g);
    expect(dots).to.have.length(weightDtypes.length);
    expect(new Set(dots).size).to.equal(weightDtypes.length);
  });
});
