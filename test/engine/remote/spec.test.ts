import { expect } from 'chai';
import fc from 'fast-check';
import { inspectModel } from '../../../src/engine/inspect.js';
import { isRemoteSpec, parseRemoteSpec } from '../../../src/engine/remote/spec.js';
import { AttsError } from '../../../src/errors.js';

function refusal(spec: string, environment: NodeJS.ProcessEnv = {}): string {
  try {
    parseRemoteSpec(spec, environment);
  } catch (error) {
    expect(error).to.be.instanceOf(AttsError);
    expect((error as AttsError).code).to.equal('usage');
    return (error as AttsError).message;
  }
  throw new Error(`${spec} was taken`);
}

const given = { model: null, tokenizer: null, contextLength: null, deadline: 300_000, key: null };

describe('the name of a model on servers', () => {
  it('says what kind of servers they are, where they are and what they shall serve', () => {
    const cases: Record<string, object> = {
      'sglang://a:30000': { kind: 'sglang', bases: ['http://a:30000'] },
      'vllm://a:8000,b:8000#org/m': { kind: 'vllm', bases: ['http://a:8000', 'http://b:8000'], model: 'org/m' },
      'vllm+https://a/team/': { kind: 'vllm', bases: ['https://a/team'] },
      'openai+http://a:1/v1#m': { kind: 'openai', bases: ['http://a:1/v1'], model: 'm' },
      'openai+https://a': { kind: 'openai', bases: ['https://a/v1'] },
      'openai+https://a,b/api/v3?context=4096&timeout=20#m': {
        ...{ kind: 'openai', bases: ['https://a/api/v3', 'https://b/api/v3'], model: 'm' },
        ...{ contextLength: 4096, deadline: 20_000 },
      },
      'vllm://[::1]:8000?tokenizer=/models/a+b#m': {
        ...{ kind: 'vllm', bases: ['http://[::1]:8000'], tokenizer: '/models/a+b', model: 'm' },
      },
      'vllm://a?tokenizer=org/name@main:f.gguf': {
        ...{ kind: 'vllm', bases: ['http://a'], tokenizer: 'org/name@main:f.gguf' },
      },
    };
    for (const [spec, expected] of Object.entries(cases)) {
      expect(parseRemoteSpec(spec, {}), spec).to.deep.equal({ ...given, ...expected });
      expect(isRemoteSpec(spec)).to.equal(true);
    }
  });

  it('takes its key from the environment, by the kind of server or by name', () => {
    const environment = { VLLM_API_KEY: 'v', OPENAI_API_KEY: 'o', MINE: 'm', EMPTY: '' };
    const keyOf = (spec: string) => parseRemoteSpec(spec, environment).key;
    expect(['vllm://a', 'sglang://a', 'openai+http://a', 'vllm://a?key=MINE'].map(keyOf)).to.deep.equal([
      'v',
      null,
      'o',
      'm',
    ]);
    expect(refusal('vllm://a?key=LINES', { LINES: 'a secret\n' })).to.equal(
      'vllm://a?key=LINES: the key in LINES has a line break or another character that no header may have',
    );
    expect(refusal('vllm://a?key=EMPTY', environment)).to.equal(
      'vllm://a?key=EMPTY: the environment variable EMPTY is not set',
    );
  });

  it('refuses what it does not understand, in one line', () => {
    const cases: Record<string, RegExp> = {
      'openai://a/v1': /give sglang:\/\/host:port/,
      'vllm://': /give sglang:\/\/host:port/,
      'vllm://a,,b': /"" is not a host and port/,
      'vllm://a:port': /"a:port" is not a host and port/,
      'vllm://a,a': /a server is named twice/,
      'vllm://a?temperature=1': /unknown setting temperature; there are tokenizer, context, timeout, key/,
      'vllm://a?context=0': /context must be a whole number greater than 0 \(got 0\)/,
      'vllm://a?timeout=1.5': /timeout must be/,
    };
    for (const [spec, message] of Object.entries(cases)) expect(refusal(spec)).to.match(message);
  });

  it('never shows what stands where a password would', () => {
    const message = refusal('openai+https://user:secret@a/v1#m');
    expect(message).to.contain('a key belongs into an environment variable').and.not.to.contain('secret');
  });

  it('is none of the names of models that lie here', () => {
    for (const spec of ['abacus-qwen3-2m', 'org/name', '/models/vllm', 'vllm', 'https://a/m.gguf', 'openai/gpt-2']) {
      expect(isRemoteSpec(spec)).to.equal(false);
    }
  });

  it('is no model whose weights could be looked at', () => {
    expect(() => inspectModel('vllm://a:8000#m')).to.throw(AttsError, 'vllm://a:8000#m lies on a server');
  });

  it('is read or refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.constantFrom('vllm://', 'sglang+https://', 'openai+http://'), fc.string(), (scheme, rest) => {
        try {
          expect(parseRemoteSpec(scheme + rest, {}).bases).not.to.have.length(0);
        } catch (error) {
          expect(error).to.be.instanceOf(AttsError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
