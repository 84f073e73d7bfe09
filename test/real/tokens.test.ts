/** Real tokenizers against ids that two other implementations agree on. Not part of the default suite. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Tokenizer } from '../../src/engine/engine.js';
import { openTokenizer } from '../../src/engine/tokenizer/index.js';
import { Reading } from '../../src/scaling/transcripts/reading.js';
import { promptMessages } from '../../src/tasks/prompts.js';

const { MODELS: models = '', GOLDENS: goldens = '' } = process.env;

/** The goldens' names and how the files are called. */
const files: Readonly<Record<string, RegExp>> = {
  smollm2: /smollm2.*\.gguf$/i,
  gemma3: /gemma-3.*\.gguf$/i,
  'qwen-0.5b': /qwen.*0\.5b.*\.gguf$/i,
  'qwen-1.5b': /qwen.*1\.5b.*\.gguf$/i,
};

interface Row {
  readonly text: string;
  readonly ids: readonly number[];
  readonly bos?: readonly number[];
}

function rowsOf(name: string): Row[] {
  const read = (file: string) => JSON.parse(readFileSync(join(goldens, file), 'utf8'));
  return [...read('tokens.json').models[name], ...read(`${name}.json`).texts];
}

for (const [name, pattern] of Object.entries(files)) {
  describe(`the tokenizer of ${name}`, () => {
    let tokenizer: Tokenizer;
    before(async () => {
      const file = existsSync(models) ? readdirSync(models).find((entry) => pattern.test(entry)) : undefined;
      if (!file || !existsSync(join(goldens, 'tokens.json'))) {
        throw new Error(`give the folders of GGUF files and goldens: make goldens-tokens MODELS=DIR GOLDENS=DIR`);
      }
      const from = performance.now();
      tokenizer = await openTokenizer(join(models, file));
      process.stdout.write(`    ${name}: opened in ${Math.round(performance.now() - from)} ms\n`);
    });

    it('gives all golden ids, and opens texts as the goldens do', () => {
      const rows = rowsOf(name);
      expect(rows.length).to.be.greaterThan(30);
      for (const { text, ids, bos } of rows) {
        expect(tokenizer.encode(text), JSON.stringify(text)).to.deep.equal(ids);
        if (bos) expect(tokenizer.bosId === null ? [] : [tokenizer.bosId]).to.deep.equal(bos);
      }
    });

    it('gives every golden text back', () => {
      for (const { text, ids } of rowsOf(name)) {
        expect(tokenizer.decode(ids)).to.equal(text);
        expect(tokenizer.decode(tokenizer.encodeContinuation(text))).to.equal(text);
      }
    });

    it('reads what another model writes, cut anywhere, as exactly that text', () => {
      const text = rowsOf(name)
        .map((row) => row.text)
        .join('\n');
      for (const length of [1, 7, 64, 500]) {
        const characters = [...text].slice(0, 40 * length);
        const reading = new Reading(tokenizer, []);
        let chain = '';
        for (let at = 0; at < characters.length; at += length) {
          const chunk = characters.slice(at, at + length).join('');
          const { before, ids } = reading.split(chunk);
          expect(tokenizer.decode([...before, ...ids])).to.equal(chain + chunk);
          expect(tokenizer.bytes(ids).length).to.be.at.least(Buffer.byteLength(chunk));
          reading.foreign(chunk);
          chain += chunk;
        }
        // Lines are settled one by one, and give the tokens of the text encoded at once.
        expect(reading.ids).to.deep.equal(tokenizer.encodeContinuation(chain));
      }
    });

    it('renders its chat template, or says in a line that it has none', () => {
      const messages = promptMessages({ id: '1', problem: 'What is 2 + 3? <|im_end|>', answer: '5' });
      if (name === 'gemma3') {
        expect(() => tokenizer.chat(messages)).to.throw('--prompt raw');
        return;
      }
      const { ids, text } = tokenizer.chat(messages);
      expect(text).to.equal(
        `<|im_start|>system\n${messages[0].content}<|im_end|>\n<|im_start|>user\n${messages[1].content}<|im_end|>\n<|im_start|>assistant\n`,
      );
      const [end] = tokenizer.encode('<|im_end|>');
      expect(ids.filter((id) => id === end)).to.have.length(2, 'the one within the problem is text');
      expect(tokenizer.stopIds).to.include(end);
    });
  });
}
