import { expect } from 'chai';
import { backendNote } from '../../kernels/backends/automatic.js';

describe('what a run says of its backend', () => {
  it('is, in one line, why it was chosen, where the choice was automatic', () => {
    expect(backendNote('auto', ['simd', 'simd'])).to.match(/^backend simd by automatic choice: [^\n]+$/);
    expect(backendNote('simd', ['simd'])).to.equal(null);
  });

  it('is nothing where no model is on the chosen backend', () => {
    expect(backendNote('auto', ['a server'])).to.equal(null);
    expect(backendNote('auto', [])).to.equal(null);
  });

  it('is what tensorflow does not promise', () => {
    expect(backendNote('tensorflow', ['tensorflow'])).to.match(/^backend tensorflow: .*may differ$/);
  });
});
