import { expect } from 'chai';
import { advise, isOnGpu, type MachineFacts } from '../../src/doctor/advice.js';

const quiet: MachineFacts = {
  ...{
    cores: 8,
    usableCores: 8,
    load: 0.2,
    kernels: 'relaxed-fma-0123456789ab',
    bandwidth: 30,
    freeGiB: 12,
    gpuBackends: [],
  },
};

describe('what would make a machine faster', () => {
  it('is on a quiet one only to read fewer bytes for each token', () => {
    expect(advise(quiet)).to.have.length(1);
    expect(advise(quiet)[0]).to.match(
      /^a chain alone writes at most 30 tokens\/s for each GB of weights: .*--dtype q8/,
    );
  });

  it('takes no software adapter for a GPU', () => {
    const on = (name: string, build: string) => isOnGpu({ name, build: `${name} tfjs-4.22.0 ${build}` });
    expect(on('webgpu', 'google swiftshader SwiftShader driver 5.0.0')).to.equal(false);
    expect(on('webgpu', 'nvidia ampere')).to.equal(true);
    expect(on('tensorflow', 'tensorflow-2.9.1 GPU')).to.equal(true);
    expect(on('tensorflow', 'tensorflow-2.9.1 CPU')).to.equal(false);
    expect(on('simd', 'relaxed-fma-0123456789ab')).to.equal(false);
  });

  const cases: { name: string; facts: Partial<MachineFacts>; says: RegExp }[] = [
    {
      name: 'to end the programs that take its processors',
      facts: { load: 6.04 },
      says: /load of 6\.0 on 8 processors/,
    },
    { name: 'to lift a limit on its processors', facts: { usableCores: 2 }, says: /2 of 8 processors: lift/ },
    {
      name: 'to try the GPU',
      facts: { gpuBackends: ['webgpu'] },
      says: /GPU works with --backend webgpu: atts profile/,
    },
    { name: 'to free memory', facts: { freeGiB: 0.5 }, says: /0\.5 GiB of memory are free/ },
    {
      name: 'to have a Node.js with relaxed SIMD',
      facts: { kernels: 'plain-0123456789ab' },
      says: /Node\.js.*relaxed SIMD/,
    },
  ];
  for (const { name, facts, says } of cases) {
    it(`is ${name}`, () => {
      expect(advise({ ...quiet, ...facts })[0]).to.match(says);
      expect(advise(quiet).join('\n')).not.to.match(says);
    });
  }
});
