import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { atts, temporaryFolder } from './atts.js';

interface Scored {
  schema: string;
  tokens: { id: number; text: string; logprob: number | null; top?: { id: number; logprob: number }[] }[];
  nll: number;
  perplexity: number;
}

describe('atts score', () => {
  let folder: string;
  before(() => {
    folder = temporaryFolder();
  });

  const score = async (text: string, prefix?: string): Promise<Scored> => {
    const [textFile, prefixFile] = [join(folder, 'text'), join(folder, 'prefix')];
    writeFileSync(textFile, text);
    writeFileSync(prefixFile, prefix ?? '');
    const { stdout, stderr, code } = await atts([
      ...['score', '--model', 'abacus-qwen3-2m', '--text-file', textFile, '--json'],
      ...(prefix === undefined ? [] : ['--prefix-file', prefixFile]),
    ]);
    expect(code, stderr).to.equal(0);
    return JSON.parse(stdout) as Scored;
  };

  it('gives the first token of a bare text no probability and does not count it', async () => {
    const { schema, tokens, nll, perplexity } = await score('Step 1: 5 + 3 = 8.');
    expect(schema).to.equal('atts.score/1');
    expect(tokens[0].logprob).to.equal(null);
    const counted = tokens.slice(1).map(({ logprob }) => logprob as number);
    expect(counted.every(Number.isFinite)).to.equal(true);
    expect(nll).to.be.closeTo(-counted.reduce((a, b) => a + b, 0) / counted.length, 1e-12);
    expect(perplexity).to.be.closeTo(Math.exp(nll), 1e-9);
  });

  it('scores every token after a prefix, and the text alone', async () => {
    const whole = await score('Step 1: 5 + 3 = 8.');
    const rest = await score(' 5 + 3 = 8.', 'Step 1:');
    expect(rest.tokens.map(({ text }) => text).join('')).to.equal(' 5 + 3 = 8.');
    const tail = whole.tokens.slice(-rest.tokens.length).map(({ logprob }) => logprob as number);
    rest.tokens.forEach(({ logprob }, i) => {
      expect(logprob).to.be.closeTo(tail[i], 1e-5);
    });
  });

  it('a token that spans the border belongs to the text', async () => {
    const { tokens } = await score('tep 1: 5', 'S');
    expect(tokens.map(({ text }) => text).join('')).to.equal('Step 1: 5');
  });

  it('shows the most probable alternatives of each token, whose probabilities are those of scoring them', async () => {
    const textFile = join(folder, 'top');
    writeFileSync(textFile, 'Step 1: 5 + 3 = 8.');
    const args = ['score', '--model', 'abacus-qwen3-2m', '--text-file', textFile, '--json'];
    const { stdout } = await atts([...args, '--top-k', '512']);
    const { tokens } = JSON.parse(stdout) as Scored;
    expect(tokens[0].top).to.deep.equal([]);
    for (const { id, logprob, top = [] } of tokens.slice(1)) {
      expect(top.map((one) => one.logprob)).to.deep.equal(top.map((one) => one.logprob).sort((a, b) => b - a));
      expect(top.reduce((sum, one) => sum + Math.exp(one.logprob), 0)).to.be.closeTo(1, 1e-4);
      expect(top.find((one) => one.id === id)?.logprob).to.be.closeTo(logprob as number, 1e-4);
    }
    const refused = await atts([...args, '--top-k', '-1']);
    expect(refused.stderr).to.match(/^atts: --top-k must be a whole number .*\n$/);
    expect(refused.code).to.equal(2);
  });

  it('refuses an empty text', async () => {
    const path = join(folder, 'empty');
    writeFileSync(path, '');
    const { code, stderr } = await atts(['score', '--model', 'abacus-qwen3-2m', '--text-file', path]);
    expect(stderr).to.match(/^atts: .*empty\n$/);
    expect(code).to.equal(2);
  });
});
