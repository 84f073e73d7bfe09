/**
 * The innermost loops of quantised weights (see tiles.ts) against 16-bit activations, in groups of 32: exact integer sums
 * a group (127 · 32,767 · 32 < 2^31), then y += scale · xScale · sum (+ min · xSum).
 *
 * These take the values apart in registers, which few rows can do; unpacked-tiles.ts has those of many.
 *
 * Loops are not unrolled beyond a word: the compiler loads all operands of a block before it uses the first, and would
 * have no registers left for them.
 */
import { range } from '../../unroll.js';
import {
  advance,
  byteSums,
  each,
  groupSums,
  halves,
  pairSums,
  scales,
  unitFloats,
  wordSums,
  wordTurns,
} from './group-loops.js';
import { headerBytes, panelStep, together, unitBytes, unitSpan, valueBits, wordFormats } from './layout.js';
import { type QuantisedDtype, quantisedFormats } from './quantise.js';

/** Bytes of the units of a panel, as float32, and where they lie behind the sums of four rows × four panels. */
const wideUnits = 64;
const unitsAt = 512;

/**
 * MR rows × `panels` panels from `panel` on of the four whose stream begins at `w`. Panels take turns, a group each: memory
 * is read from end to end, as it is read ahead. Sums of the others lie in the thread's buffer, [panel][row][8], not in
 * registers: the compiler would hold back what a group adds to each until it has been over all.
 */
export function quantisedTile(dtype: QuantisedDtype, MR: number): string {
  const rows = range(MR);
  const format = quantisedFormats[dtype];
  const { hasMin, mostSteps } = format;
  const [step, units, bits, at] = [panelStep(dtype), unitBytes(dtype), valueBits[dtype], headerBytes(dtype)];
  const sums = (run: number): string[] =>
    bits === 8
      ? byteSums(rows, at)
      : MR > 2
        ? wordTurns(bits, at, run, rows)
        : wordSums(
            bits,
            at,
            run,
            (pair, e) => pairSums(rows, e, pair),
            (pairs) => advance(rows, pairs),
          );
  // Values of 6 bits lie from 0 on: the sums begin with what that is too much.
  const start = (m: number, run: number) =>
    bits === 6 ? `v128.load32_splat(q${m}, ${8 + 4 * run})` : 'i32x4.splat(0)';
  const unitVectors = ['u0', ...(hasMin ? ['v0'] : [])].flatMap((name) => halves.map((j) => `${name}_${j}`));
  const group = [
    `let d = g + panel * ${step}, f = sums${mostSteps > 0 ? `, u = sums + ${unitsAt}` : ''};`,
    'for (let p = 0; p < panels; p++) {',
    ...(mostSteps > 0 ? unitVectors.map((name, i) => `const ${name} = v128.load(u, ${16 * i});`) : []),
    ...scales(dtype),
    ...groupSums(format, rows, start, sums),
    `d += ${step}; f += ${32 * MR}; ${mostSteps > 0 ? `u += ${wideUnits};` : ''} ${advance(rows, -16)}`,
    '}',
    `g += ${together * step}; ${advance(rows, 16)} ${rows.map((m) => `q${m} += 16;`).join(' ')}`,
  ];
  const groups =
    mostSteps === 0
      ? ['for (let k = 0; k < K; k += 32) {', ...group, '}']
      : [
          'for (let k = 0; k < K; ) {',
          `let u = sums + ${unitsAt}, h = g + panel * ${units};`,
          'for (let p = 0; p < panels; p++) {',
          ...unitFloats(dtype, 'h'),
          ...unitVectors.map((name, i) => `v128.store(u, ${name}, ${16 * i});`),
          `h += ${units}; u += ${wideUnits};`,
          '}',
          `g += ${together * units};`,
          `for (const end = min(K, k + ${unitSpan}); k < end; k += 32) {`,
          ...group,
          '}',
          '}',
        ];
  return [
    `function ${dtype}_${MR}(x: usize, ldx: usize, xs: usize, ldxs: usize, w: usize, panel: usize, panels: i32, K: i32, y: usize, ldy: usize): void {`,
    'const sums = threadBuffer();',
    `clear(sums, <usize>panels * ${32 * MR});`,
    ...rows.map((m) => `let x${m} = x + ldx * ${m}, q${m} = xs + ldxs * ${m};`),
    'let g = w;',
    ...groups,
    'let f = sums;',
    'for (let p = 0; p < panels; p++) {',
    ...each(rows, (m, j) => `v128.store(y + ldy * ${m}, v128.load(f, ${32 * m + 16 * j}), ${16 * j});`),
    `f += ${32 * MR}; y += 32;`,
    '}',
    '}',
  ].join('\n');
}

/** One value of k, k in its group, of a feature whose first word lies at `at`, as the integer that is stored. */
export function wordValue(bits: 4 | 5 | 6): string {
  const { words, each, pairs } = wordFormats[bits];
  const [spare, mask] = [16 - each * bits, (1 << bits) - 1];
  return [
    `export function value${bits}(at: usize, k: i32): i32 {`,
    `at += <usize>(k / ${2 * pairs}) * ${16 * words} + <usize>(k & 1) * 2;`,
    `const pair = (k >>> 1) % ${pairs};`,
    `if (pair < ${words * each}) return (<i32>load<u16>(at + <usize>(pair / ${each}) * 16) >>> (pair % ${each} * ${bits})) & ${mask};`,
    'let rest = 0;',
    `for (let i = 0; i < ${words}; i++) rest |= (<i32>load<u16>(at + <usize>i * 16) >>> ${16 - spare}) << (${spare} * i);`,
    `return (rest >>> ((pair - ${words * each}) * ${bits})) & ${mask};`,
    '}',
  ].join('\n');
}
