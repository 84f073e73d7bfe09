import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ScoredChunk } from '../src/index.js';

/** Chunks in the order of their decisions, and the scores they are compared with. */
export interface Stream {
  readonly name: string;
  readonly bank: readonly number[];
  readonly chunks: readonly ScoredChunk[];
}

/**
 * The published traces, ordered by question, turn, sample (and attempt). Scores are perplexities, which order chunks as
 * their logarithms do.
 * @param folder holds the traces and their banks (method.md §4)
 */
export function readReferenceStreams(folder: string): Stream[] {
  const bankOf = (name: string): number[] =>
    JSON.parse(readFileSync(join(folder, `evaluation__ppls_${name}_s16_t500_temp0.8.json`), 'utf8'));
  const trace = (file: string, kind: string, score: 'ppl' | 'percentile'): ScoredChunk[] =>
    readEvents(join(folder, `${file}.events.csv`))
      .filter((row) => row.kind === kind && row.ppl !== '')
      .sort(
        (a, b) => +a.question - +b.question || +a.turn - +b.turn || +a.sample - +b.sample || +a.attempt - +b.attempt,
      )
      .map((row) => ({ problem: row.question, sample: +row.sample, turn: +row.turn, score: Number(row[score]) }));
  // The fork trace has no bank, but its percentiles: against 1,600 even scores each of them is its own percentile.
  const even = Array.from({ length: 1600 }, (_, i) => i / 1600);
  return [
    {
      name: 'two_raw',
      bank: bankOf('math500_qwq_32B_rllama_8B'),
      chunks: trace('two_raw', 'eval_ppl', 'ppl'),
    },
    {
      name: 'self_opt',
      bank: bankOf('self_opt_math500_deepseek-ai_DeepSeek-R1-Distill-Llama-8B'),
      chunks: trace('self_opt', 'self_ppl', 'ppl'),
    },
    { name: 'fork', bank: even, chunks: trace('fork_v2sys_b0.05', 'draft', 'percentile') },
  ];
}

type Column = 'sample' | 'question' | 'turn' | 'attempt' | 'kind' | 'ppl' | 'percentile';

/** No field of these files holds a comma or a quote. */
function readEvents(file: string): Record<Column, string>[] {
  const [head, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  const columns = head.split(',') as Column[];
  return lines.map((line) => {
    const fields = line.split(',');
    return Object.fromEntries(columns.map((column, i) => [column, fields[i]])) as Record<Column, string>;
  });
}
