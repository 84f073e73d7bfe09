import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { atts, temporaryFolder } from './atts.js';

describe('command line: bad input', () => {
  let folder: string;
  before(() => {
    folder = temporaryFolder();
  });

  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  const cases: { name: string; args: () => string[]; code: number; says: RegExp }[] = [
    { name: 'an unknown flag', args: () => ['run', '--bogus', '1'], code: 2, says: /bogus.*--help/ },
    { name: 'an unknown command', args: () => ['bogus'], code: 2, says: /bogus.*--help/ },
    { name: 'no command', args: () => [], code: 2, says: /command.*--help/ },
    { name: 'a flag without its value', args: () => ['run', '--samples'], code: 2, says: /samples/ },
    {
      name: 'a rejection rate over 1',
      args: () => ['run', '--rejection-rate', '1.5'],
      code: 2,
      says: /--rejection-rate must be greater than 0 and less than 1 \(got 1\.5\)/,
    },
    {
      name: 'a negative rejection rate',
      args: () => ['compare', '--rejection-rate', '-0.1'],
      code: 2,
      says: /--rejection-rate .*\(got -0\.1\)/,
    },
    {
      name: 'a number that is none',
      args: () => ['run', '--samples', 'many'],
      code: 2,
      says: /--samples must be a whole number greater than 0 \(got many\)/,
    },
    {
      name: 'an unknown rule',
      args: () => ['run', '--calibration', 'guess'],
      code: 2,
      says: /--calibration must be one of marginal, .*\(got guess\)/,
    },
    {
      name: 'an unknown key in --config',
      args: () => ['run', '--config', file('key.json', '{ "sampels": 4 }')],
      code: 2,
      says: /key\.json: unknown setting sampels/,
    },
    {
      name: 'a bad value in --config, by file and key',
      args: () => ['run', '--config', file('value.json', '{ "samples": -4 }')],
      code: 2,
      says: /value\.json: samples must be .*\(got -4\)/,
    },
    {
      name: '--config that is not JSON',
      args: () => ['run', '--config', file('no.json', '{')],
      code: 2,
      says: /no\.json is not JSON/,
    },
    {
      name: '--config that does not exist',
      args: () => ['run', '--config', 'none.json'],
      code: 2,
      says: /none\.json does not exist/,
    },
    {
      name: 'an unknown model',
      args: () => ['run', '--draft', 'no-such-model', '--out', join(folder, 'm')],
      code: 2,
      says: /unknown model no-such-model/,
    },
    {
      name: 'a missing dataset',
      args: () => ['run', '--dataset', 'none.jsonl', '--out', join(folder, 'd')],
      code: 1,
      says: /none\.jsonl: no such file/,
    },
    {
      name: 'an unknown method to compare',
      args: () => ['compare', '--methods', 'async,fast'],
      code: 2,
      says: /--methods.*fast/,
    },
    {
      name: 'an unknown way to keep the cache',
      args: () => ['generate', '--model', 'abacus-llama-0.4m', '--prompt', 'Add 3.', '--cache-dtype', 'f8'],
      code: 2,
      says: /--cache-dtype must be one of f32, bf16 \(got f8\)/,
    },
    {
      name: 'the same of a run',
      args: () => ['run', '--cache-dtype', 'f8'],
      code: 2,
      says: /--cache-dtype must be one of f32, bf16 \(got f8\)/,
    },
    {
      name: 'an unknown backend',
      args: () => ['score', '--model', 'abacus-llama-0.4m', '--text-file', 'x', '--backend', 'gpu'],
      code: 2,
      says: /--backend must be one of auto, simd, .* \(got gpu\)/,
    },
    {
      name: 'float16 weights on the CPU',
      args: () => ['generate', '--model', 'abacus-llama-0.4m', '--prompt', 'Add 3.', '--dtype', 'f16'],
      code: 2,
      says: /--dtype f16 is for --backend webgpu; elsewhere give f32 or bf16/,
    },
    {
      name: 'a text file that does not exist',
      args: () => ['score', '--model', 'abacus-llama-0.4m', '--text-file', 'none.txt'],
      code: 2,
      says: /none\.txt does not exist/,
    },
  ];
  for (const { name, args, code, says } of cases) {
    it(`answers ${name} with one line and exit code ${code}`, async () => {
      const outcome = await atts(args());
      expect(outcome.stderr).to.match(says);
      expect(outcome.stderr.trimEnd().split('\n'), outcome.stderr).to.have.length(1);
      expect(outcome.stderr).to.match(/^atts: /);
      expect(outcome.stdout).to.equal('');
      expect(outcome.code).to.equal(code);
    });
  }

  it('shows the stack only with --verbose', async () => {
    const { stderr, code } = await atts(['run', '--rejection-rate', '1.5', '--verbose']);
    expect(stderr).to.match(/\n\s+at /);
    expect(code).to.equal(2);
  });
});
