/**
 * Our half of experiments/peers/conformal.py: reads its arrays from a folder, writes p-values, martingale and times there.
 *
 *   node dist/experiments/peers/conformal.js FOLDER
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jumperMartingaleLog10, median, pValue, readBankFile, ScoreBank } from '../../src/index.js';

const folder = process.argv[2];
const REPETITIONS = 7;

const numbers = async (name: string) => (await readBankFile(join(folder, `${name}.npy`))).turns[0];
const [calibration, calibrationBins] = [await numbers('calibration'), await numbers('calibration-bins')];
const [test, testBins, uniforms] = [await numbers('test'), await numbers('test-bins'), await numbers('uniforms')];
const mondrianUniforms = await numbers('mondrian-uniforms');
const drifting = await numbers('drifting');

const cases: Record<string, () => unknown> = {
  conformal() {
    const bank = new ScoreBank(calibration);
    return test.map((score) => pValue('conformal', bank, score, 0));
  },
  smoothed() {
    const bank = new ScoreBank(calibration);
    return test.map((score, i) => pValue('smoothed', bank, score, uniforms[i]));
  },
  mondrian() {
    const lists = new Map<number, number[]>();
    calibration.forEach((score, i) => {
      const list = lists.get(calibrationBins[i]) ?? [];
      lists.set(calibrationBins[i], list);
      list.push(score);
    });
    const banks = new Map([...lists].map(([bin, scores]) => [bin, new ScoreBank(scores)]));
    return test.map((score, i) => pValue('smoothed', banks.get(testBins[i]) as ScoreBank, score, mondrianUniforms[i]));
  },
  growing() {
    const bank = new ScoreBank();
    return test.map((score, i) => {
      // Against no score at all the smoothed p-value is u.
      const p = bank.size === 0 ? uniforms[i] : pValue('smoothed', bank, score, uniforms[i]);
      bank.insert(score);
      return p;
    });
  },
  martingale: () => jumperMartingaleLog10(drifting),
};

const results = Object.entries(cases).map(([name, run]) => {
  let result: unknown;
  const times = Array.from({ length: REPETITIONS }, () => {
    const begun = performance.now();
    result = run();
    return performance.now() - begun;
  });
  return [name, { result, milliseconds: median(times) }];
});
writeFileSync(join(folder, 'ours.json'), JSON.stringify(Object.fromEntries(results)));
process.stdout.write(`${millionScores()}\n\n`);

/** How the bank does at a million distinct scores: the same 10⁵ and their like, asked for the 10⁴ test scores. */
function millionScores(): string {
  const bankSize = 1_000_000;
  const scores = Array.from({ length: bankSize }, (_, i) => calibration[i % calibration.length] + i * 1e-9);
  const elapsed = (run: () => void): number => {
    const begun = performance.now();
    run();
    return performance.now() - begun;
  };
  const made: ScoreBank[] = [];
  const building = elapsed(() => made.push(new ScoreBank(scores)));
  const [bank] = made;
  const each = (run: (score: number) => void) => (1000 * elapsed(() => test.forEach(run))) / test.length; // µs
  const times = Array.from({ length: REPETITIONS }, () => each((score) => void pValue('conformal', bank, score, 0)));
  const inserting = each((score) => bank.insert(score));
  return `bank of 10^6 scores: made in ${building.toFixed(0)} ms, a p-value in ${median(times).toFixed(2)} µs, an insertion in ${inserting.toFixed(2)} µs`;
}
