/**
 * What does the same model write and score a second on each backend?
 *
 *   node dist/experiments/backends.js [--backends simd,wasm] [--models abacus-llama-0.4m,abacus-qwen3-2m]
 */
import { parseArgs } from 'node:util';
import { type EngineOptions, inspectModel, openEngine, profileModel } from '../src/index.js';
import { markdownTable } from './table.js';

const { values } = parseArgs({
  options: {
    backends: { type: 'string', default: 'simd,wasm' },
    models: { type: 'string', default: 'abacus-llama-0.4m,abacus-qwen3-2m' },
  },
});
const [decodeRows, scoreRows] = [
  [1, 16],
  [16, 64],
];

const rows: string[][] = [];
for (const model of values.models.split(',')) {
  const report = inspectModel(model, { dtype: 'f32' });
  for (const backend of values.backends.split(',') as EngineOptions['backend'][]) {
    const engine = await openEngine(model, { backend, dtype: 'f32' });
    const { build, passes } = await profileModel(engine, { ...report, shape: report, decodeRows, scoreRows });
    await engine.close();
    const perSecond = (phase: string, rows: number) => {
      const pass = passes.find((one) => one.phase === phase && one.rows === rows);
      return pass ? (rows / pass.seconds).toFixed(0) : '–';
    };
    const written = decodeRows.map((rows) => perSecond('decode', rows));
    rows.push([model, build, ...written, perSecond('score', 64)]);
  }
}
const head = ['model', 'backend', 'written, 1 chain', 'written, 16 chains', 'scored, 64 rows'];
process.stdout.write(`Tokens a second, float32 weights:\n\n${markdownTable([head, ...rows])}\n`);
process.exit(0);
