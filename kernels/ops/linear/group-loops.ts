/** Pieces of the loops over quantised groups, as AssemblyScript (quantised-tiles.ts, unpacked-tiles.ts). */
import { range } from '../../unroll.js';
import { panelStep, unitBytes, unitSpan, wordFormats } from './layout.js';
import { type QuantisedDtype, type QuantisedFormat, quantisedFormats } from './quantise.js';

export const halves = [0, 1] as const;

/** A body for every group, with `d` where the panel's lies, and its units in u and v. */
export function overGroups(dtype: QuantisedDtype, body: readonly string[]): string[] {
  const { mostSteps } = quantisedFormats[dtype];
  const [step, units] = [panelStep(dtype), unitBytes(dtype)];
  const start = `let d = w + panel * ${step};`;
  const next = `d += ${4 * step};`;
  if (mostSteps === 0) return [start, 'for (let k = 0; k < K; k += 32) {', ...body, next, '}'];
  return [
    start,
    'for (let k = 0; k < K; ) {',
    `const u = d - panel * ${step - units};`,
    ...unitFloats(dtype, 'u'),
    `d += ${4 * units};`,
    `for (const end = min(K, k + ${unitSpan}); k < end; k += 32) {`,
    ...body,
    next,
    '}',
    '}',
  ];
}

/** Scales s of each run of a panel's group, and minima t, from d. */
export function scales(dtype: QuantisedDtype): string[] {
  const { group, hasMin, mostSteps } = quantisedFormats[dtype];
  if (mostSteps === 0) return [...floats('s0_0', 'd', 0), ...(hasMin ? floats('t0', 'd', 16) : [])];
  if (!hasMin) return range(32 / group).flatMap((run) => multiples(`s0_${run}`, 'u0', 8 * run, true));
  return [...multiples('s0_0', 'u0', 0, false), ...multiples('t0', 'v0', 8, false)];
}

/** Units u of a panel, and v of its minima. Those of q6 are subnormal in nearly all checkpoints. */
export function unitFloats(dtype: QuantisedDtype, at: string): string[] {
  if (!quantisedFormats[dtype].hasMin) return floats('u0', at, 0, 'widenSmall');
  return [...floats('u0', at, 0), ...floats('v0', at, 16)];
}

/** Eight float16 numbers as two vectors of float32. */
function floats(name: string, at: string, offset: number, widen = 'widen'): string[] {
  return [
    `const ${name}_h = v128.load(${at}, ${offset});`,
    `const ${name}_0 = ${widen}Low(${name}_h), ${name}_1 = ${widen}High(${name}_h);`,
  ];
}

/** Eight of the whole numbers at `d`, times their units. */
function multiples(name: string, unit: string, offset: number, isSigned: boolean): string[] {
  return [
    `const ${name}_h = v128.load_ext<${isSigned ? 'i8' : 'u8'}>(d, ${offset});`,
    ...['low', 'high'].map(
      (half, j) =>
        `const ${name}_${j} = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_${half}_i16x8_s(${name}_h)), ${unit}_${j});`,
    ),
  ];
}

/** For both vectors of every row. */
export function each(rows: readonly number[], body: (m: number, j: number) => string): string[] {
  return rows.flatMap((m) => halves.map((j) => body(m, j)));
}

/** What a panel's group adds to the rows' sums at f, [row][8]: `sums` adds a run's products to a. */
export function groupSums(
  { group, hasMin }: QuantisedFormat,
  rows: readonly number[],
  start: (m: number, run: number) => string,
  sums: (run: number) => string[],
): string[] {
  const last = 32 / group - 1;
  const of = (m: number, j: number) => `f, ${32 * m + 16 * j}`;
  return range(last + 1).flatMap((run) => [
    '{',
    ...each(rows, (m, j) => `let a${m}_${j} = ${start(m, run)};`),
    ...sums(run),
    ...each(rows, (m, j) => {
      const scaled = `f32x4.mul(s0_${run}_${j}, v128.load32_splat(q${m}))`;
      const sum = `madd(f32x4.convert_i32x4_s(a${m}_${j}), ${scaled}, v128.load(${of(m, j)}))`;
      const whole = hasMin && run === last ? `madd(t0_${j}, v128.load32_splat(q${m}, 4), ${sum})` : sum;
      return `v128.store(f, ${whole}, ${32 * m + 16 * j});`;
    }),
    '}',
  ]);
}

/** Adds the products of the k pair `pair` further on than the rows' x have come, whose weights are e. */
export function pairSums(rows: readonly number[], e: readonly [string, string], pair: number): string[] {
  return rows.flatMap((m) => [
    `const r${m}_${pair} = v128.load32_splat(x${m}, ${4 * pair});`,
    ...halves.map((j) => `a${m}_${j} = i32x4.add(a${m}_${j}, i32x4.dot_i16x8_s(${e[j]}, r${m}_${pair}));`),
  ]);
}

export function advance(rows: readonly number[], pairs: number): string {
  return rows.map((m) => `x${m} += ${4 * pairs};`).join(' ');
}

export function byteSums(rows: readonly number[], at: number): string[] {
  return [
    `let e = d + ${at};`,
    'for (let i = 0; i < 16; i++) {',
    ...halves.map((j) => `const e${j} = v128.load_ext<i8>(e, ${8 * j});`),
    ...pairSums(rows, ['e0', 'e1'], 0),
    `e += 16; ${advance(rows, 1)}`,
    '}',
  ];
}

const spareBits = (bits: 4 | 5 | 6) => 16 - wordFormats[bits].each * bits;

/** Masks of a value in a word's low end, and of the bits that words have to spare in their upper ends. */
export function wordMasks(bits: 4 | 5 | 6): string {
  const both = (mask: number) => mask * 0x10001;
  const [mask, spare] = [(1 << bits) - 1, 0x10000 - (1 << (16 - spareBits(bits)))];
  return `const masks${bits} = memory.data<u32>([${both(mask)}, ${both(spare)}]);`;
}

/**
 * Takes the words of a run apart, two vectors a k pair. What the words have to spare gathers in g: a bit of a word moves
 * down with every word that follows.
 * @param use what is done with a pair, counted from the last `advance`
 */
export function wordSums(
  bits: 4 | 5 | 6,
  at: number,
  run: number,
  use: (pair: number, e: readonly [string, string]) => string[],
  advance: (pairs: number) => string,
): string[] {
  const { words, each, pairs } = wordFormats[bits];
  const perHalf = (16 / pairs) * words * 16;
  const rest = pairs - words * each;
  const spare = spareBits(bits);
  const value = (word: string, from: number) => {
    const down = from === 0 ? word : `i16x8.shr_u(${word}, ${from})`;
    return from + bits === 16 ? down : `v128.and(${down}, mask)`;
  };
  return [
    '{',
    `let e = d + ${at + run * words * 16};`,
    `const mask = constant(masks${bits})${rest > 0 ? `, spare = constant(masks${bits} + 4)` : ''};`,
    ...(rest > 0 ? ['let g0 = i16x8.splat(0), g1 = i16x8.splat(0);'] : []),
    `for (let i = 0; i < ${words}; i++) {`,
    ...halves.map((j) => `const w${j} = v128.load(e, ${j * perHalf});`),
    ...range(each).flatMap((pair) => use(pair, [value('w0', pair * bits), value('w1', pair * bits)])),
    ...(rest > 0
      ? halves.map((j) => {
          const top = `v128.and(w${j}, spare)`;
          return `g${j} = v128.or(i16x8.shr_u(g${j}, ${spare}), ${top});`;
        })
      : []),
    `e += 16; ${advance(each)}`,
    '}',
    ...range(rest).flatMap((pair) => {
      const from = 16 - (rest - pair) * bits;
      return use(pair, [value('g0', from), value('g1', from)]);
    }),
    ...(rest > 0 ? [advance(rest)] : []),
    '}',
  ];
}

/**
 * The same for more rows, whose x all pairs of a word together would need more registers than there are: a turn a pair, in
 * which the words move down by a value.
 */
export function wordTurns(bits: 4 | 5 | 6, at: number, run: number, rows: readonly number[]): string[] {
  const { words, each, pairs } = wordFormats[bits];
  const perHalf = (16 / pairs) * words * 16;
  const rest = pairs - words * each;
  const spare = spareBits(bits);
  const turns = (count: number, word: string) => [
    `for (let pair = 0; pair < ${count}; pair++) {`,
    ...halves.map((j) => `const e${j} = v128.and(${word}${j}, mask);`),
    ...halves.map((j) => `${word}${j} = i16x8.shr_u(${word}${j}, ${bits});`),
    ...pairSums(rows, ['e0', 'e1'], 0),
    advance(rows, 1),
    '}',
  ];
  return [
    '{',
    `let e = d + ${at + run * words * 16};`,
    `const mask = constant(masks${bits});`,
    ...(rest > 0 ? ['let g0 = i16x8.splat(0), g1 = i16x8.splat(0);'] : []),
    `for (let i = 0; i < ${words}; i++) {`,
    ...halves.map((j) => `let w${j} = v128.load(e, ${j * perHalf});`),
    ...turns(each, 'w'),
    ...(rest > 0
      ? halves.map((j) => `g${j} = v128.or(i16x8.shr_u(g${j}, ${spare}), i16x8.shl(w${j}, ${16 - spare}));`)
      : []),
    'e += 16;',
    '}',
    ...(rest > 0
      ? [...halves.map((j) => `g${j} = i16x8.shr_u(g${j}, ${16 - rest * bits});`), ...turns(rest, 'g')]
      : []),
    '}',
  ];
}
