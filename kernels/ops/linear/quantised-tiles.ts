/**
 * The innermost loops of quantised weights (see tiles.ts) against 16-bit activations, in groups of 32: exact integer sums
 * a group (127 · 32,767 · 32 < 2^31), then y += scale · xScale · sum (+ min · xSum).
 *
 * These take the values apart in registers, which few rows can do; unpacked-tiles.ts has those of many.
 *
 * Loops are not unrolled beyond a word: the compiler loads all operands of a block before it uses the first, and would
 * have no registers left for them.
 */
import {
  advance,
  advancing,
  byteSums,
  groupSums,
  overGroups,
  pairSums,
  range,
  scales,
  tileEnd,
  tileStart,
  wordSums,
} from './group-loops.js';
import { headerBytes, panelStep, valueBits, wordFormats } from './layout.js';
import { type QuantisedDtype, quantisedFormats } from './quantise.js';

/** `w` is where the four panels' stream has come to, `panel` the first of those that the tile takes. */
export function quantisedTile(dtype: QuantisedDtype, MR: number, NP: number): string {
  const [rows, panels] = [range(MR), range(NP)];
  const format = quantisedFormats[dtype];
  const step = panelStep(dtype);
  const bits = valueBits[dtype];
  const valuesAt = (p: number) => p * step + headerBytes(dtype);
  const sums = (run: number): string[] =>
    bits === 8
      ? byteSums(rows, panels, valuesAt)
      : panels.flatMap((p) => [
          ...wordSums(bits, valuesAt(p), run, (pair, e) => pairSums(rows, p, e, pair), advancing(rows)),
          ...(p < NP - 1 ? [advance(rows, -wordFormats[bits].pairs)] : []),
        ]);
  // Values of 6 bits lie from 0 on: the sums begin with what that is too much.
  const start = (m: number, run: number) =>
    bits === 6 ? `v128.load32_splat(q${m}, ${8 + 4 * run})` : 'i32x4.splat(0)';
  return [
    `function ${dtype}_${MR}_${NP}(x: usize, ldx: usize, xs: usize, ldxs: usize, w: usize, panel: usize, K: i32, y: usize, ldy: usize, first: bool): void {`,
    ...tileStart(rows, panels),
    ...overGroups(dtype, panels, [
      ...panels.flatMap((p) => scales(dtype, p)),
      ...groupSums(format, rows, panels, start, sums),
      rows.map((m) => `q${m} += 16;`).join(' '),
    ]),
    ...tileEnd(rows, panels),
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
