/** Writes and scores with weights and cache in memories of so many bytes each; prints what came of it as JSON. */
import { simd } from '../../kernels/backends/simd/index.js';
import { openEngine } from '../../src/index.js';

const [bytes, spec, dtype] = process.argv.slice(2);
// The backend starts with the first engine; what that one holds stays where it is.
const first = await openEngine('abacus-llama-0.4m', { threads: 2 });
if (bytes !== 'all') simd().pinnedBytes = Number(bytes);
const engine = await openEngine(spec, { memory: 8, dtype: dtype as 'f32' });
const prefix = engine.tokenizer.chat([{ role: 'user', content: 'Start with 5. Add 3. Double it.' }]);
const chains = await Promise.all(
  Array.from({ length: 6 }, (_, sample) =>
    engine.generate({
      ...{ prefix, maxTokens: 40, temperature: 0.8, key: { seed: 1, problem: 'memories', sample, role: 'target' } },
    }),
  ),
);
const chunk = { ids: chains[0].ids, text: '', fingerprint: prefix.fingerprint };
const { logProbs } = await engine.score({ prefix, chunk });
const beside = await first.generate({
  ...{ prefix, maxTokens: 20, temperature: 0, key: { seed: 1, problem: 'memories', sample: 0, role: 'draft' } },
});
const { memories } = simd();
await engine.close();
await first.close();
process.stdout.write(JSON.stringify({ memories, ids: chains.map(({ ids }) => ids), logProbs, beside: beside.ids }));
