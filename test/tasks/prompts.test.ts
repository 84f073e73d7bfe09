import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AttsError } from '../../src/errors.js';
import { openPrompt, promptMessages, rawPrompt } from '../../src/tasks/prompts.js';

describe('prompts', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'atts-prompts-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return `file:${join(folder, name)}`;
  };
  const problem = { id: '0', problem: 'Start with 3. Add 4. What is the result?', answer: '7' };
  const choice = { id: '1', problem: 'Which?', answer: 'B', choices: { texts: ['red', 'blue'], order: [1, 0] } };

  it('asks in the words of the model card', () => {
    expect(promptMessages(problem)).to.deep.equal([
      { role: 'system', content: 'You are a math expert.' },
      {
        role: 'user',
        content: `${problem.problem}\nPlease reason step by step, and put your final answer within \\boxed{}.`,
      },
    ]);
    expect(openPrompt('chat')(problem)).to.deep.equal(promptMessages(problem));
  });

  it('can ask for what the paper asks for: steps apart by blank lines, the answer in a box', () => {
    const [system, user] = openPrompt('paper')(problem) as { role: string; content: string }[];
    expect(system).to.deep.equal({ role: 'system', content: 'You are a math expert.' });
    expect(user.content)
      .to.match(/step by step/)
      .and.match(/blank line/)
      .and.include('\\boxed{}');
    expect(user.content.endsWith(`Question: ${problem.problem}`)).to.equal(true);
  });

  it('can ask the question alone', () => {
    expect(openPrompt('raw')(problem)).to.equal(`${problem.problem}\n`);
    expect(rawPrompt(choice)).to.equal('Which?\nA. red\nB. blue\n');
  });

  it('states the options of a multiple-choice question, and asks for the letter', () => {
    for (const kind of ['chat', 'paper']) {
      const text = (openPrompt(kind)(choice) as { content: string }[])[1].content;
      expect(text).to.include('Which?\nA. red\nB. blue').and.include('\\boxed{B}');
    }
  });

  it('takes a user’s own text, continued as it stands, or messages', () => {
    // `$&` and the like mean nothing here, nor does a {problem} inside the problem.
    const odd = { ...problem, problem: 'cost $& {problem} $1' };
    expect(openPrompt(file('a.txt', 'Q: {problem}\nA:'))(odd)).to.equal('Q: cost $& {problem} $1\nA:');
    expect(openPrompt(file('b.txt', 'Q: {problem}\nA:'))(choice)).to.equal('Q: Which?\nA. red\nB. blue\nA:');
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Solve {problem}' },
    ];
    expect(openPrompt(file('c.json', JSON.stringify(messages)))(problem)).to.deep.equal([
      messages[0],
      { role: 'user', content: `Solve ${problem.problem}` },
    ]);
  });

  it('says in one line why a file cannot be a prompt', () => {
    const cases: [string, RegExp][] = [
      [`file:${join(folder, 'missing')}`, /--prompt file:.*missing: no such file/],
      [`file:${folder}`, /cannot be read/],
      [file('d.txt', 'no place'), /must have \{problem\}/],
      [file('e.json', '{problem}'), /not a JSON array/],
      [file('f.json', '[{"role":"poet","content":"{problem}"}]'), /not a JSON array/],
    ];
    for (const [kind, says] of cases) {
      expect(() => openPrompt(kind), kind)
        .to.throw(AttsError, says)
        .with.property('code', 'usage');
    }
  });
});
