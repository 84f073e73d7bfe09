import { basename, dirname } from 'node:path';
import { promptTokens, someTokens } from '../prompts.js';
import { load, type ModelJob, serve } from './serve.js';

interface Ids {
  readonly dims: readonly number[];
  readonly data: BigInt64Array;
}
interface Model {
  generate(options: Record<string, unknown>): Promise<Ids>;
  dispose(): Promise<unknown>;
}
interface TransformersJs {
  readonly env: { allowRemoteModels: boolean; localModelPath: string };
  readonly AutoModelForCausalLM: { from_pretrained(name: string, options: object): Promise<Model> };
  readonly Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => Ids;
}

await serve(async ({ folder, threads }) => {
  const loaded = await load<TransformersJs & { default?: TransformersJs }>(folder, '@huggingface/transformers');
  const { env, AutoModelForCausalLM, Tensor } = loaded.module.default ?? loaded.module;
  env.allowRemoteModels = false;
  let open: { file: string; model: Model } | null = null;
  const prepare = async (file: string): Promise<Model> => {
    if (open?.file === file) return open.model;
    await open?.model.dispose();
    env.localModelPath = dirname(file);
    const model = await AutoModelForCausalLM.from_pretrained(basename(file), {
      ...{ dtype: 'fp32', device: 'cpu', local_files_only: true },
      session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 },
    });
    open = { file, model };
    return model;
  };
  const inputs = (prompts: readonly (readonly number[])[]) => {
    const tensor = (rows: readonly (readonly number[])[]) =>
      new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0].length]);
    return { input_ids: tensor(prompts), attention_mask: tensor(prompts.map((prompt) => prompt.map(() => 1))) };
  };
  const greedy = { do_sample: false };
  return {
    version: loaded.version,
    threads,
    async run(job) {
      if (job.kind === 'linear') throw new Error('transformers.js has no linear');
      const model = await prepare(job.file);
      return job.kind === 'prefill' ? prefill(model, job) : decode(model, job);
    },
    async write({ file, prompt, tokens }) {
      const model = await prepare(file);
      const all = await model.generate({ ...inputs([prompt]), ...greedy, max_new_tokens: tokens });
      return Array.from(all.data, Number).slice(prompt.length);
    },
  };

  async function prefill(model: Model, { tokens, vocabSize }: ModelJob): Promise<number> {
    const feeds = inputs([someTokens(tokens, 0, vocabSize)]);
    const started = performance.now();
    await model.generate({ ...feeds, ...greedy, max_new_tokens: 1 });
    return performance.now() - started;
  }

  async function decode(model: Model, { chains, tokens, vocabSize }: ModelJob): Promise<number> {
    const prompts = Array.from({ length: chains }, (_, chain) => someTokens(promptTokens, chain, vocabSize));
    // It is given the prompt, then every step's tokens.
    const times: number[] = [];
    const streamer = { put: () => times.push(performance.now()), end: () => {} };
    await model.generate({ ...inputs(prompts), ...greedy, max_new_tokens: tokens + 1, streamer });
    return (times[times.length - 1] - times[1]) / (times.length - 2);
  }
});
