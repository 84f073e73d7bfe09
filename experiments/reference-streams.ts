import { join } from 'node:path';
import { inQuestionOrder, readBankFile, readScoreStream, type ScoredChunk } from '../src/index.js';

/** Chunks in the order of their decisions, and the scores they are compared with. */
export interface Stream {
  readonly name: string;
  readonly bank: readonly number[];
  readonly chunks: readonly ScoredChunk[];
}

/**
 * The published traces, ordered by question, turn, sample (and attempt). Scores are perplexities, which order chunks as
 * their logarithms do.
 * @param folder holds the traces and their banks
 */
export async function readReferenceStreams(folder: string): Promise<Stream[]> {
  const bankOf = async (name: string): Promise<readonly number[]> => {
    const file = await readBankFile(join(folder, `evaluation__ppls_${name}_s16_t500_temp0.8.json`));
    return file.turns[0];
  };
  const trace = (file: string) => inQuestionOrder(readScoreStream(join(folder, `${file}.events.csv`), { samples: 16 }));
  // The fork trace has no bank, but its percentiles: against 1,600 even scores each of them is its own percentile.
  const even = Array.from({ length: 1600 }, (_, i) => i / 1600);
  return [
    { name: 'two_raw', bank: await bankOf('math500_qwq_32B_rllama_8B'), chunks: trace('two_raw') },
    {
      name: 'self_opt',
      bank: await bankOf('self_opt_math500_deepseek-ai_DeepSeek-R1-Distill-Llama-8B'),
      chunks: trace('self_opt'),
    },
    {
      name: 'fork',
      bank: even,
      chunks: trace('fork_v2sys_b0.05').map((chunk) => ({ ...chunk, score: chunk.percentile ?? Number.NaN })),
    },
  ];
}
