/**
 * Do the demo's methods write the same chains on a GPU as on the processor? The demo's command on both, then chain by chain.
 * The order of decisions, from which the rule learns, is that of passes on either: the same as long as tokens are. A chain
 * that differs moves the rule for those after it.
 *
 *   node dist/experiments/gpu-demo.js [--problems 24] [--samples 8] [--out runs/gpu-demo]
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ChainRecord, readRun } from '../src/index.js';
import { atts } from './atts.js';
import { markdownTable } from './table.js';

const { values } = parseArgs({
  options: {
    problems: { type: 'string', default: '24' },
    samples: { type: 'string', default: '8' },
    out: { type: 'string', default: 'runs/gpu-demo' },
  },
});
const settings =
  '--policy replace --draft-tokens 32 --target-tokens 32 --calibration online --rejection-rate 0.4 --turns 15';
const size = `--limit ${values.problems} --samples ${values.samples}`;
const folderOf = (backend: string) => join(values.out, `${backend}-${values.problems}x${values.samples}`);

for (const backend of ['webgpu', 'simd']) {
  // One of these kernels would be taken as it is, and one of others refused.
  rmSync(folderOf(backend), { recursive: true, force: true });
  const flags = [...`${settings} ${size}`.split(' '), '--backend', backend, '--out', folderOf(backend)];
  atts(['compare', ...flags], ['ignore', 'ignore', 'inherit']);
}

/** What a chain wrote and how it was decided, without scores, whose last bits differ. */
const content = ({ problem, sample, chunks }: ChainRecord) =>
  JSON.stringify([problem, sample, chunks.map(({ author, ids, rejected }) => [author, ids, rejected])]);
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

const rows = ['draft-only', 'target-only', 'sync', 'async'].map((method) => {
  const [gpu, cpu] = ['webgpu', 'simd'].map((backend) => readRun(join(folderOf(backend), method)));
  const written = new Set(cpu.chains.map(content));
  const same = gpu.chains.filter((chain) => written.has(content(chain)));
  const scores = new Map(cpu.chains.map((chain) => [content(chain), chain.chunks.map(({ score }) => score ?? 0)]));
  const differences = same.flatMap((chain) =>
    chain.chunks.map(({ score }, i) => Math.abs((score ?? 0) - (scores.get(content(chain))?.[i] ?? 0))),
  );
  const accuracy = [gpu, cpu].map(({ summary }) => percent(summary?.accuracy.mean ?? Number.NaN));
  return [method, ...accuracy, `${same.length} of ${gpu.chains.length}`, Math.max(...differences).toExponential(1)];
});
const head = ['method', 'accuracy on webgpu', 'on simd', 'equal chains', 'scores of these differ by at most'];
process.stdout.write(`${markdownTable([head, ...rows])}\n`);
