import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { ChatTemplate } from '../../../src/engine/tokenizer/chat-template.js';
import { openTokenizer } from '../../../src/engine/tokenizer/index.js';
import { withinTime } from '../../../src/engine/tokenizer/within-time.js';
import { AttsError } from '../../../src/errors.js';
import { abacus, abacusJson, abacusMetadata, fromJson, fromMetadata } from './fixtures.js';

/** What a call ends in: null, or one line. Anything else fails the test. */
function lineOf(call: () => unknown): string | null {
  try {
    call();
    return null;
  } catch (error) {
    expect(error, String(error)).to.be.instanceOf(AttsError);
    const { message } = error as AttsError;
    expect(message).not.to.match(/\n/);
    expect(message.length).to.be.below(600);
    return message;
  }
}

const text = `Step 1: 14 + 23 = 37.\n\n${'a'.repeat(60)}! e\u0301 <|im_end|>`;
const use = (document: unknown) => {
  const tokenizer = fromJson(document);
  tokenizer.decode(tokenizer.encode(text));
  tokenizer.encodeContinuation(text);
};

describe('a hostile tokenizer.json', () => {
  type Change = (json: ReturnType<typeof abacusJson> & Record<string, unknown>) => unknown;
  const nested = (type: string, list: string, depth: number): unknown =>
    JSON.parse(`${`{"type":"${type}","${list}":[`.repeat(depth)}{"type":"NFC"}${']}'.repeat(depth)}`);
  const split = (pattern: string) => ({
    type: 'Split',
    pattern: { Regex: pattern },
    behavior: 'Isolated',
    invert: false,
  });
  const cases: Record<string, [Change, RegExp]> = {
    'duplicate ids': [(json) => void Object.assign(json.model.vocab, { 'new token': 7 }), /two tokens have the id 7/],
    'an id for two added tokens': [
      (json) => void Object.assign(json.added_tokens[1], { id: 509 }),
      /two tokens have the id 509/,
    ],
    'missing ids': [(json) => void delete json.model.vocab.te, /merges are not pairs/],
    'ids that are none': [(json) => void Object.assign(json.model.vocab, { te: 1e15 }), /token "te" has the id/],
    'merges of another type': [(json) => ({ ...json, model: { ...json.model, merges: { a: 1 } } }), /merges/],
    'no model': [(json) => ({ ...json, model: undefined }), /model/],
    'another model': [(json) => ({ ...json, model: { type: 'WordPiece', vocab: {} } }), /"WordPiece".*not supported/],
    'an array': [() => [], /the document/],
    'an unknown normalizer': [(json) => ({ ...json, normalizer: { type: 'Upside' } }), /normalizer "Upside"/],
    'normalizers that grow a text': [
      (json) => ({ ...json, normalizer: { type: 'Replace', pattern: { String: 'a' }, content: 'aaaa' } }),
      /replacement/,
    ],
    'normalizers nested 100,000 deep': [
      (json) => ({ ...json, normalizer: nested('Sequence', 'normalizers', 100_000) }),
      /test: /,
    ],
    'a pattern that takes for ever': [
      (json) => ({
        ...json,
        pre_tokenizer: { type: 'Sequence', pretokenizers: [split('(a+)+$'), { type: 'ByteLevel' }] },
      }),
      /takes more than 2.* s/,
    ],
    'a pattern that is none': [
      (json) => ({
        ...json,
        pre_tokenizer: { type: 'Sequence', pretokenizers: [split('((('), { type: 'ByteLevel' }] },
      }),
      /not a tokenizer that can be used/,
    ],
    'a pattern of a million characters': [
      (json) => ({ ...json, pre_tokenizer: { type: 'Sequence', pretokenizers: [split('('.repeat(1e6))] } }),
      /no pattern of up to/,
    ],
  };
  for (const [name, [change, expected]] of Object.entries(cases)) {
    it(`with ${name} ends in one line`, () => {
      const json = abacusJson() as ReturnType<typeof abacusJson> & Record<string, unknown>;
      const changed = change(json) ?? json;
      expect(lineOf(() => use(changed))).to.match(expected);
    });
  }

  it('with merges in a circle ends', () => {
    const json = abacusJson();
    Object.assign(json.model.vocab, { ab: 600, ba: 601, aba: 602, bab: 603 });
    json.model.merges.unshift('ab a', 'a ba', 'b ab', 'ba b', 'a b', 'b a');
    const { decode, encode } = fromJson(json);
    expect(decode(encode('ab'.repeat(500)))).to.equal('ab'.repeat(500));
  });

  it('torn, with bits turned, or with values of other types ends in one line or works', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'atts-hostile-'));
    const good = readFileSync(join(abacus, 'tokenizer.json'));
    writeFileSync(join(folder, 'tokenizer_config.json'), readFileSync(join(abacus, 'tokenizer_config.json')));
    const open = async (bytes: Uint8Array) => {
      writeFileSync(join(folder, 'tokenizer.json'), bytes);
      const result = await openTokenizer(folder).catch((error: unknown) => error);
      return lineOf(() => {
        if (result instanceof Error) throw result;
        (result as Awaited<ReturnType<typeof openTokenizer>>).encode(text);
      });
    };
    expect(await open(good)).to.equal(null);
    const seeded = { seed: 1, numRuns: 60 };
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), async (length) => {
        expect(await open(good.subarray(0, length))).to.match(/is not JSON$/);
      }),
      { ...seeded, numRuns: 15 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(good.length * 8 - 1), { minLength: 1, maxLength: 4 }), async (bits) => {
        const bytes = Uint8Array.from(good);
        for (const bit of bits) bytes[bit >> 3] ^= 1 << (bit & 7);
        await open(bytes);
      }),
      seeded,
    );
    expect(await open(Buffer.from('['.repeat(1e6) + ']'.repeat(1e6)))).to.match(/tokenizer.json/);
    rmSync(folder, { recursive: true });
    const parts = ['added_tokens', 'normalizer', 'pre_tokenizer', 'post_processor', 'decoder', 'model'];
    fc.assert(
      fc.property(fc.constantFrom(...parts), fc.jsonValue(), (part, value) => {
        lineOf(() => use({ ...abacusJson(), [part]: value }));
      }),
      seeded,
    );
  });

  it('and hostile metadata of a GGUF file end in one line or work', () => {
    const good = abacusMetadata();
    const values = fc.oneof(
      fc.constantFrom<[string, string[] | number | Int32Array | string]>(
        ['tokens', []],
        ['tokens', ['a']],
        ['merges', ['a', 'b c d', '']],
        ['merges', 5],
        ['token_type', new Int32Array(512).fill(99)],
        ['eos_token_id', 1e9],
        ['pre', 'constructor'],
        ['pre', 3],
      ),
    );
    fc.assert(
      fc.property(values, ([key, value]) => {
        lineOf(() => fromMetadata({ ...good, [`tokenizer.ggml.${key}`]: value }).encode(text));
      }),
      { seed: 1, numRuns: 40 },
    );
  });
});

describe('the time of work on strange patterns', () => {
  /** Waits, as a thread does whose processor others have. */
  const wait = (milliseconds: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  const forEver = () => {
    for (;;);
  };

  it('is that of the processor: who is kept from it goes on to the end', () => {
    let begun = 0;
    const work = () => {
      begun++;
      return wait(700);
    };
    expect(withinTime(200, 'waiting', work)).to.equal('timed-out');
    expect(begun).to.be.at.least(3);
  });

  it('ends what takes for ever in one line, also where it was kept from the processor before', () => {
    const line = 'matching takes more than 0.2 s; its patterns cannot be used';
    expect(lineOf(() => withinTime(200, 'matching', forEver))).to.equal(line);
    let begun = 0;
    const later = () => (begun++ === 0 ? wait(1000) : forEver());
    expect(lineOf(() => withinTime(200, 'matching', later))).to.equal(line);
    expect(withinTime(200, 'the next', () => 1)).to.equal(1);
  });
});

describe('chat templates', () => {
  const messages = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'What is 2 + 3?' },
  ] as const;
  const render = (template: string) => new ChatTemplate(template, 'test').render(messages, { bos_token: '<s>' });

  it('put the system text before the first user message where there is no system role', () => {
    const noSystem = `{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}`;
    expect(render(noSystem)).to.equal('<s>[user]Be brief.\n\nWhat is 2 + 3?');
    const folding = `{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\n\n' %}{% set rest = messages[1:] %}{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}{% for m in rest %}<start_of_turn>{{ m.role }}\n{{ first if loop.first else '' }}{{ m.content | trim }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}`;
    expect(render(folding)).to.equal(
      '<s><start_of_turn>user\nBe brief.\n\nWhat is 2 + 3?<end_of_turn>\n<start_of_turn>model\n',
    );
  });

  it('see no object behind their values', () => {
    for (const path of [
      "''.constructor",
      'messages.constructor.constructor',
      'messages[0].__proto__.polluted',
      "messages['__proto__']",
      'process',
      'require',
      'globalThis',
    ]) {
      const line = lineOf(() => expect(render(`{{ ${path} }}`), path).to.be.oneOf(['', 'undefined', 'None', 'null']));
      if (line !== null) expect(line).to.match(/^test: its chat template fails: /);
    }
  });

  for (const [name, template] of [
    ['loop for ever', '{% for i in range(10**9) %}{% endfor %}{% for i in range(1000000000) %}x{% endfor %}'],
    ['loop within loops', `${'{% for i in range(1000) %}'.repeat(5)}${'{% endfor %}'.repeat(5)}`],
    ['call themselves', '{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}'],
    [
      'double a text',
      `{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}`,
    ],
    [
      'double a list',
      `{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}`,
    ],
    ['write too much', `{% for i in range(200000) %}0123456789{% endfor %}`],
    ['are no Jinja', '{% for %}'],
    ['refuse', "{{ raise_exception('no\nthanks') }}"],
  ]) {
    it(`that ${name} end in one line, and the next one renders`, () => {
      expect(lineOf(() => render(template))).to.match(
        /^test: its chat template fails: .*; --prompt raw does without it$/,
      );
      expect(render('{{ messages[1].content }}')).to.equal('What is 2 + 3?');
    });
  }
});
