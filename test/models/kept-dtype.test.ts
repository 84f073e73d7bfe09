import { expect } from 'chai';
import type { Checkpoint, StoredDtype } from '../../models/checkpoint/checkpoint.js';
import { keptDtypes } from '../../models/kept-dtype.js';
import { AttsError } from '../../src/errors.js';

/** A checkpoint of matrices of these dtypes, a, b, …, large enough not to stay in a processor's caches. */
function checkpointOf(...dtypes: readonly StoredDtype[]): Checkpoint {
  const shape = [4096, 4096];
  const tensors = dtypes.map((dtype, i) => ['abc'[i], { name: 'abc'[i], dtype, shape }] as const);
  return { tensors: new Map(tensors) } as unknown as Checkpoint;
}

describe('how tensors of one matrix are kept on the CPU', () => {
  for (const [stored, wanted] of [
    [['F16'], 'f32'],
    [['BF16', 'BF16'], 'bf16'],
    [['F16', 'BF16'], 'f32'],
    [['BF16', 'Q8_0'], 'bf16'],
    [['Q4_1', 'Q8_0'], 'q8'],
    [['Q4_1', 'Q4_1'], 'q4'],
  ] as const) {
    it(`${stored.join(' and ')} as ${wanted}`, () => {
      const names = [...'abc'].slice(0, stored.length);
      expect(keptDtypes(checkpointOf(...stored), 'auto')(...names)).to.equal(wanted);
    });
  }

  it('F16 as it is where the backend is webgpu, whichever is active', () => {
    expect(keptDtypes(checkpointOf('F16', 'F16'), 'auto', 'webgpu')('a', 'b')).to.equal('f16');
    expect(keptDtypes(checkpointOf('F16', 'BF16'), 'auto', 'webgpu')('a', 'b')).to.equal('f32');
    expect(keptDtypes(checkpointOf('F32'), 'f16', 'webgpu')('a')).to.equal('f16');
  });

  it('not as f16, which is said in one line', () => {
    expect(() => keptDtypes(checkpointOf('F32'), 'f16')).to.throw(
      AttsError,
      '--dtype f16 is for --backend webgpu; elsewhere give f32 or bf16',
    );
  });
});
