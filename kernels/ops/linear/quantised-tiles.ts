/**
 * The innermost loops of quantised weights (see tiles.ts) against 16-bit activations, in groups of 32: exact integer sums
 * a group (127 · 32,767 · 32 < 2^31), then y += scale · xScale · sum (+ min · xSum).
 *
 * Few rows take the values apart in registers. For more, a panel's block is taken apart once, into float32 scales and
 * 16-bit values, which all rows read: the same sums, the same bits.
 *
 * Loops are not unrolled beyond a word: the compiler loads all operands of a block before it uses the first, and would
 * have no registers left for them.
 */
import { headerBytes, panelStep, unitBytes, unitSpan, valueBits, wordFormats } from './layout.js';
import { type QuantisedDtype, type QuantisedFormat, quantisedFormats } from './quantise.js';

const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const halves = [0, 1] as const;

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

/** Bytes of an unpacked group of one panel: 8 scales, 8 minima or second scales, and [k pair 16][8][2] values. */
const unpackedBytes = 32 + 32 + 512;

/** Formats whose unpacked groups are summed alike. */
export const unpackedKinds = {
  plain: { group: 32, hasMin: false },
  shifted: { group: 32, hasMin: true },
  halved: { group: 16, hasMin: false },
} as const;

export function unpackedKind(dtype: QuantisedDtype): keyof typeof unpackedKinds {
  const { group, hasMin } = quantisedFormats[dtype];
  return hasMin ? 'shifted' : group === 16 ? 'halved' : 'plain';
}

export function unpackedTile(kind: keyof typeof unpackedKinds, MR: number): string {
  const rows = range(MR);
  const { group, hasMin } = unpackedKinds[kind];
  const vectors = (name: string, at: number) => halves.map((j) => `const ${name}_${j} = v128.load(d, ${at + 16 * j});`);
  const sums = (run: number) => [
    `let e = d + ${64 + 512 * (run / (32 / group))};`,
    `for (let i = 0; i < ${group / 2}; i++) {`,
    'const e0 = v128.load(e), e1 = v128.load(e, 16);',
    ...pairSums(rows, 0, ['e0', 'e1'], 0),
    `e += 32; ${advance(rows, 1)}`,
    '}',
  ];
  return [
    `function ${kind}_${MR}_1(x: usize, ldx: usize, xs: usize, ldxs: usize, d: usize, K: i32, y: usize, ldy: usize, first: bool): void {`,
    ...tileStart(rows, [0]),
    'for (let k = 0; k < K; k += 32) {',
    ...vectors('s0_0', 0),
    ...(hasMin ? vectors('t0', 32) : vectors('s0_1', 32)),
    ...groupSums(unpackedKinds[kind], rows, [0], () => 'i32x4.splat(0)', sums),
    `d += ${unpackedBytes}; ${rows.map((m) => `q${m} += 16;`).join(' ')}`,
    '}',
    ...tileEnd(rows, [0]),
    '}',
  ].join('\n');
}

/** Takes the groups of one panel apart for `unpackedTile`. */
export function unpacker(dtype: QuantisedDtype): string {
  const { group, hasMin, lowest } = quantisedFormats[dtype];
  const bits = valueBits[dtype];
  const at = headerBytes(dtype);
  const second = hasMin ? 't0' : group === 16 ? 's0_1' : null;
  const stored = (name: string, offset: number) =>
    halves.map((j) => `v128.store(to, ${name}_${j}, ${offset + 16 * j});`);
  const shift = hasMin ? '' : `i16x8.splat(${lowest})`;
  const place = (e: string) => (shift === '' ? e : `i16x8.add(${e}, ${shift})`);
  const storePair = (_: number, e: readonly [string, string]) => [
    ...halves.map((j) => `v128.store(o, ${place(e[j])}, ${16 * j});`),
    'o += 32;',
  ];
  return [
    `function ${dtype}Unpack(w: usize, panel: usize, K: i32, to: usize): void {`,
    ...overGroups(
      dtype,
      [0],
      [
        ...scales(dtype, 0),
        ...stored('s0_0', 0),
        ...(second ? stored(second, 32) : []),
        'let o = to + 64;',
        ...(bits === 8
          ? [
              `let e = d + ${at};`,
              'for (let i = 0; i < 16; i++) {',
              ...halves.map((j) => `v128.store(o, v128.load_ext<i8>(e, ${8 * j}), ${16 * j});`),
              'e += 16; o += 32;',
              '}',
            ]
          : range(16 / wordFormats[bits].pairs).flatMap((run) => wordSums(bits, at, run, storePair, () => ''))),
        `to += ${unpackedBytes};`,
      ],
    ),
    '}',
  ].join('\n');
}

function tileStart(rows: readonly number[], panels: readonly number[]): string[] {
  return [
    ...rows.map((m) => `let x${m} = x + ldx * ${m}; let q${m} = xs + ldxs * ${m};`),
    ...each(
      rows,
      panels,
      (m, p, j) => `let f${m}_${p}_${j} = first ? f32x4.splat(0) : v128.load(y + ldy * ${m}, ${p * 32 + j * 16});`,
    ),
  ];
}

function tileEnd(rows: readonly number[], panels: readonly number[]): string[] {
  return each(rows, panels, (m, p, j) => `v128.store(y + ldy * ${m}, f${m}_${p}_${j}, ${p * 32 + j * 16});`);
}

/** A body for every group, with `d` where the first panel's lies, and the panels' units in u and v. */
function overGroups(dtype: QuantisedDtype, panels: readonly number[], body: readonly string[]): string[] {
  const { hasMin, mostSteps } = quantisedFormats[dtype];
  const [step, units] = [panelStep(dtype), unitBytes(dtype)];
  const start = `let d = w + panel * ${step};`;
  const next = `d += ${4 * step};`;
  if (mostSteps === 0) return [start, 'for (let k = 0; k < K; k += 32) {', ...body, next, '}'];
  return [
    start,
    'for (let k = 0; k < K; ) {',
    `const u = d - panel * ${step - units};`,
    ...panels.flatMap((p) => [
      ...floats(`u${p}`, 'u', p * units),
      ...(hasMin ? floats(`v${p}`, 'u', p * units + 16) : []),
    ]),
    `d += ${4 * units};`,
    `for (const end = min(K, k + ${unitSpan}); k < end; k += 32) {`,
    ...body,
    next,
    '}',
    '}',
  ];
}

/** Scales s of each run of panel p's group, and minima t, from d. */
function scales(dtype: QuantisedDtype, p: number): string[] {
  const { group, hasMin, mostSteps } = quantisedFormats[dtype];
  const at = p * panelStep(dtype);
  if (mostSteps === 0) return [...floats(`s${p}_0`, 'd', at), ...(hasMin ? floats(`t${p}`, 'd', at + 16) : [])];
  if (!hasMin) return range(32 / group).flatMap((run) => multiples(`s${p}_${run}`, `u${p}`, at + 8 * run, true));
  return [...multiples(`s${p}_0`, `u${p}`, at, false), ...multiples(`t${p}`, `v${p}`, at + 8, false)];
}

/** Eight float16 numbers as two vectors of float32. */
function floats(name: string, at: string, offset: number): string[] {
  return [
    `const ${name}_h = v128.load(${at}, ${offset});`,
    `const ${name}_0 = widenLow(${name}_h), ${name}_1 = widenHigh(${name}_h);`,
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

function each(
  rows: readonly number[],
  panels: readonly number[],
  body: (m: number, p: number, j: number) => string,
): string[] {
  return panels.flatMap((p) => rows.flatMap((m) => halves.map((j) => body(m, p, j))));
}

/** What a group adds to the rows of all panels: `sums` adds a run's products to a. */
function groupSums(
  { group, hasMin }: Pick<QuantisedFormat, 'group' | 'hasMin'>,
  rows: readonly number[],
  panels: readonly number[],
  start: (m: number, run: number) => string,
  sums: (run: number) => string[],
): string[] {
  return [
    ...range(32 / group).flatMap((run) => [
      '{',
      ...each(rows, panels, (m, p, j) => `let a${m}_${p}_${j} = ${start(m, run)};`),
      ...sums(run),
      ...each(
        rows,
        panels,
        (m, p, j) =>
          `f${m}_${p}_${j} = madd(f32x4.convert_i32x4_s(a${m}_${p}_${j}), f32x4.mul(s${p}_${run}_${j}, v128.load32_splat(q${m})), f${m}_${p}_${j});`,
      ),
      '}',
    ]),
    ...(hasMin
      ? each(
          rows,
          panels,
          (m, p, j) => `f${m}_${p}_${j} = madd(t${p}_${j}, v128.load32_splat(q${m}, 4), f${m}_${p}_${j});`,
        )
      : []),
  ];
}

/** Adds the products of the k pair `pair` further on than the rows' x have come, whose weights are e. */
function pairSums(rows: readonly number[], p: number, e: readonly [string, string], pair: number): string[] {
  return rows.flatMap((m) => [
    `const r${m}_${p}_${pair} = v128.load32_splat(x${m}, ${4 * pair});`,
    ...halves.map(
      (j) => `a${m}_${p}_${j} = i32x4.add(a${m}_${p}_${j}, i32x4.dot_i16x8_s(${e[j]}, r${m}_${p}_${pair}));`,
    ),
  ]);
}

function advance(rows: readonly number[], pairs: number): string {
  return rows.map((m) => `x${m} += ${4 * pairs};`).join(' ');
}

const advancing = (rows: readonly number[]) => (pairs: number) => advance(rows, pairs);

function byteSums(rows: readonly number[], panels: readonly number[], at: (p: number) => number): string[] {
  return [
    'let e = d;',
    'for (let i = 0; i < 16; i++) {',
    ...panels.flatMap((p) => [
      ...halves.map((j) => `const e${p}_${j} = v128.load_ext<i8>(e, ${at(p) + 8 * j});`),
      ...pairSums(rows, p, [`e${p}_0`, `e${p}_1`], 0),
    ]),
    `e += 16; ${advance(rows, 1)}`,
    '}',
  ];
}

/**
 * Takes the words of a run apart, two vectors a k pair. What the words have to spare gathers in g: a bit of a word moves
 * down with every word that follows.
 * @param use what is done with a pair, counted from the last `advance`
 */
function wordSums(
  bits: 4 | 5 | 6,
  at: number,
  run: number,
  use: (pair: number, e: readonly [string, string]) => string[],
  advance: (pairs: number) => string,
): string[] {
  const { words, each, pairs } = wordFormats[bits];
  const perHalf = (16 / pairs) * words * 16;
  const rest = pairs - words * each;
  const spare = 16 - each * bits;
  const value = (word: string, from: number) => {
    const down = from === 0 ? word : `i16x8.shr_u(${word}, ${from})`;
    return from + bits === 16 ? down : `v128.and(${down}, i16x8.splat(${(1 << bits) - 1}))`;
  };
  return [
    '{',
    `let e = d + ${at + run * words * 16};`,
    ...(rest > 0 ? ['let g0 = i16x8.splat(0), g1 = i16x8.splat(0);'] : []),
    `for (let i = 0; i < ${words}; i++) {`,
    ...halves.map((j) => `const w${j} = v128.load(e, ${j * perHalf});`),
    ...range(each).flatMap((pair) => use(pair, [value('w0', pair * bits), value('w1', pair * bits)])),
    ...(rest > 0
      ? halves.map((j) => {
          const top = `v128.and(w${j}, i16x8.splat(${-1 << (16 - spare)}))`;
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
