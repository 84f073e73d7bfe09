import { promptTokens, someTokens } from '../prompts.js';
import { load, type ModelJob, serve } from './serve.js';

interface Sequence {
  clearHistory(): Promise<void>;
  evaluateWithoutGeneratingNewTokens(tokens: readonly number[]): Promise<void>;
  evaluate(tokens: readonly number[], options: object): AsyncIterable<number>;
}
interface Context {
  getSequence(): Sequence;
  dispose(): Promise<void>;
}
interface Model {
  createContext(options: object): Promise<Context>;
  dispose(): Promise<void>;
}
interface LlamaCpp {
  getLlama(options: object): Promise<{ loadModel(options: object): Promise<Model> }>;
}

const mostChains = 8;

await serve(async ({ folder, threads }) => {
  const { module, version } = await load<LlamaCpp>(folder, 'node-llama-cpp');
  const llama = await module.getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error' });
  let open: { file: string; model: Model; context: Context; sequences: Sequence[] } | null = null;
  const prepare = async (file: string): Promise<Sequence[]> => {
    if (open?.file === file) return open.sequences;
    await open?.context.dispose();
    await open?.model.dispose();
    const model = await llama.loadModel({ modelPath: file });
    const context = await model.createContext({ contextSize: 1024, sequences: mostChains, batchSize: 512, threads });
    open = { file, model, context, sequences: Array.from({ length: mostChains }, () => context.getSequence()) };
    return open.sequences;
  };
  return {
    version,
    threads,
    async run(job) {
      if (job.kind === 'linear') throw new Error('llama.cpp has no linear');
      const sequences = (await prepare(job.file)).slice(0, job.chains);
      return job.kind === 'prefill' ? prefill(sequences[0], job) : decode(sequences, job);
    },
  };
});

async function prefill(sequence: Sequence, { tokens }: ModelJob): Promise<number> {
  await sequence.clearHistory();
  const started = performance.now();
  await sequence.evaluateWithoutGeneratingNewTokens(someTokens(tokens, 0));
  return performance.now() - started;
}

async function decode(sequences: readonly Sequence[], { tokens }: ModelJob): Promise<number> {
  for (const [chain, sequence] of sequences.entries()) {
    await sequence.clearHistory();
    await sequence.evaluateWithoutGeneratingNewTokens(someTokens(promptTokens, chain));
  }
  const started = performance.now();
  await Promise.all(
    sequences.map(async (sequence) => {
      let written = 0;
      for await (const _ of sequence.evaluate([5], { temperature: 0, yieldEogToken: true })) {
        if (++written === tokens) return;
      }
    }),
  );
  return (performance.now() - started) / tokens;
}
