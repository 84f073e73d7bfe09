/**
 * What a GPU reads for a token that the target verifies, by dtype of the weights: `atts profile` on webgpu for each, then
 * its scores in one table, against the roofs of the device. Fails where fewer bits a weight are not fewer bytes a token.
 *
 *   node dist/experiments/gpu-profile.js [--model abacus-qwen3-2m] [--out runs/gpu-profile]
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readProfile } from '../src/index.js';
import { atts } from './atts.js';
import { markdownTable } from './table.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'abacus-qwen3-2m' },
    out: { type: 'string', default: 'runs/gpu-profile' },
  },
});
mkdirSync(values.out, { recursive: true });

const profiles = ['f32', 'f16', 'q8', 'q4'].map((dtype) => {
  const out = join(values.out, `${dtype}.json`);
  atts(['profile', values.model, '--backend', 'webgpu', '--dtype', dtype, '--out', out], 'inherit');
  process.stdout.write('\n');
  return { dtype, scores: readProfile(out).passes.filter(({ phase, cached }) => phase === 'score' && !cached) };
});

const bytesOfToken = ({ bytes, rows }: (typeof profiles)[number]['scores'][number]) => bytes / rows;
const rows = profiles.flatMap(({ dtype, scores }) =>
  scores.map((score, i) => {
    const { seconds, flops, bytes, predicted } = score;
    const least = predicted?.seconds ?? Number.NaN;
    return [
      ...[dtype, String(score.rows), (bytesOfToken(score) / 1e3).toFixed(1)],
      (bytesOfToken(score) / bytesOfToken(profiles[0].scores[i])).toFixed(2),
      ...[(flops / bytes).toFixed(1), (1000 * seconds).toPrecision(3), (1000 * least).toPrecision(3)],
      ...[`${((100 * least) / seconds).toFixed(1)} %`, predicted?.bound ?? '–'],
    ];
  }),
);
const head = [
  'weights',
  'rows',
  'KB a verified token',
  'of f32',
  'FLOP/byte',
  'ms',
  'least ms',
  'of the roof',
  'bound',
];
process.stdout.write(`${markdownTable([head, ...rows])}\n`);

const falls = profiles.every(
  ({ scores }, i) => i === 0 || scores.every((one, j) => bytesOfToken(one) < bytesOfToken(profiles[i - 1].scores[j])),
);
if (!falls) {
  process.stderr.write('bytes a verified token do not fall with the bits of a weight\n');
  process.exit(1);
}
