import { expect } from 'chai';
import { differencesText, provenanceDifferences } from '../../src/conformal/provenance.js';

describe('the provenance of scores', () => {
  const bank = { draft: 'd', target: 't', draftTokens: 32, temperature: 0.8, seed: 1, datasetHash: 'a' };

  it('differs in the fields that decide the law of a score, not in those that name the draw', () => {
    expect(provenanceDifferences(bank, { ...bank, seed: 2, datasetHash: 'b' })).deep.equal([]);
    const differences = provenanceDifferences(bank, { ...bank, target: 'u', draftTokens: 64 });
    expect(differences.map(({ field }) => field)).deep.equal(['target', 'draftTokens']);
    expect(differencesText(differences)).equal('target t ≠ u, draftTokens 32 ≠ 64');
  });

  it('is not held against a bank that does not tell it, unless asked to be strict', () => {
    const run = { ...bank, prompt: 'chat' };
    expect(provenanceDifferences(bank, run)).deep.equal([]);
    expect(provenanceDifferences({}, run)).deep.equal([]);
    expect(differencesText(provenanceDifferences(bank, run, { strict: true }))).equal('prompt unknown ≠ chat');
  });
});
