/** 10,000 forward passes in a process of their own; prints what is held after the first thousand, halfway and at the end. */
import * as tf from '@tensorflow/tfjs-core';
import { loadDataset, openEngine, promptMessages } from '../../src/index.js';

const chains = 8;
const tokens = 40;

// A cache that is soon full: until then its memory is touched page by page.
const engine = await openEngine('abacus-llama-0.4m', { memory: 8 });
const { problems } = await loadDataset('abacus', { limit: chains });
const prefixes = problems.map((problem) => engine.tokenizer.chat(promptMessages(problem)));

/** Passes: a step of all chains is one. */
async function run(passes: number): Promise<void> {
  for (let done = 0; done < passes; done += tokens) {
    await Promise.all(
      prefixes.map((prefix, sample) =>
        engine.generate({
          ...{ prefix, maxTokens: tokens, temperature: 0.8 },
          key: { seed: done, problem: '', sample, role: 'soak' },
        }),
      ),
    );
  }
}

function held() {
  (globalThis as { gc?: () => void }).gc?.();
  const { numTensors, numBytes } = tf.memory();
  const { rss, heapUsed } = process.memoryUsage();
  return { numTensors, numBytes, heapUsed, rss };
}

await run(1000);
const before = held();
await run(5000);
const halfway = held();
await run(5000);
process.stdout.write(JSON.stringify({ before, halfway, after: held() }));
await engine.close();
