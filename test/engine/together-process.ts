/** Opens two engines at once, as the first of their process, and says what they write. */
import { openEngine } from '../../src/index.js';

const engines = await Promise.all(['abacus-llama-0.4m', 'abacus-qwen3-2m'].map((spec) => openEngine(spec)));
const texts = await Promise.all(
  engines.map(async (engine) => {
    const prefix = engine.tokenizer.chat([{ role: 'user', content: 'Start with 5. Add 3.' }]);
    const key = { seed: 0, problem: '', sample: 0, role: '' };
    return (await engine.generate({ prefix, maxTokens: 8, temperature: 0, key })).text;
  }),
);
process.stdout.write(JSON.stringify(texts));
process.exit(0);
