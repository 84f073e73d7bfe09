/**
 * Writes the innermost loops of the linear op as AssemblyScript: register tiles of MR rows × NP panels, unrolled, which
 * the language cannot express by itself. Vector lanes are output features (a panel is 8 of them, two vectors), rows come
 * as splats. Every output is one running sum over k in one order, whatever the tile: results have the same bits in any
 * batch. Few rows take several panels at once, because one panel alone would wait for its own additions.
 *
 * Four panels lie interleaved, so that whoever takes the four reads memory in one stream: K of a small model is too short
 * for the prefetcher to learn four.
 */

import type { WeightDtype } from './index.js';
import { isQuantised, type QuantisedDtype, quantisedFormats } from './quantise.js';

type Shapes = readonly (readonly [rows: number, panels: number])[];

const few: Shapes = [
  [1, 1],
  [1, 4],
  [2, 1],
  [2, 2],
  [3, 1],
  [4, 1],
];

/** Rows × panels of each tile; the last has the most rows. 16 vector registers hold accumulators, weights and a splat. */
const shapes: Readonly<Record<WeightDtype, Shapes>> = {
  f32: [...few, [5, 1], [6, 1]],
  // Widening takes registers of its own.
  bf16: [...few, [5, 1]],
  q8: few,
  q6: few,
  q5: few,
  q4: few,
};

const range = (n: number) => Array.from({ length: n }, (_, i) => i);

/** Panels that lie interleaved. */
export const interleaved = 4;

/** Values of k that lie together with their scales; 1 where there are none. */
export const groupRows = (dtype: WeightDtype): number => (isQuantised(dtype) ? 32 : 1);

/** Bytes of the interleaved panels for so many k: values of 32 features (f32, bf16), or a group with its scales in front. */
export const groupBytes: Readonly<Record<WeightDtype, number>> = {
  ...{ f32: 128, bf16: 64 },
  ...{ q8: 128 + 1024, q6: 256 + 1024, q5: 256 + 1024, q4: 256 + 512 },
};

/** Bytes of W[N, K] packed, with what its last panels are filled up by. */
export function packedBytes(N: number, K: number, dtype: WeightDtype): number {
  return Math.ceil(N / (8 * interleaved)) * Math.ceil(K / groupRows(dtype)) * groupBytes[dtype];
}

/** Bytes of a quantised group in front of its values. */
export const headerBytes = (dtype: QuantisedDtype): number => (dtype === 'q8' ? 128 : 256);

/** Bytes of one of them from the next, within a k. */
export const panelStep: Readonly<Record<WeightDtype, number>> = {
  ...{ f32: 32, bf16: 16 },
  ...{ q8: 16, q6: 16, q5: 16, q4: 16 },
};

/**
 * Floating weights: f32 [K][8], or bf16 [K][4] words with feature j in the low half and j + 4 in the high half; the
 * next k is `next` bytes away.
 */
function floatTile(dtype: 'f32' | 'bf16', MR: number, NP: number): string {
  const rows = range(MR);
  const panels = range(NP);
  const accumulators = rows.flatMap((m) => panels.flatMap((p) => [`a${m}_${p}_0`, `a${m}_${p}_1`]));
  const at = (m: number, p: number, j: number) => `y + ldy * ${m}, ${p * 32 + j * 16}`;
  const place = (p: number, j: number) => `w, ${p * panelStep[dtype] + j * 16}`;
  const lines = [
    `function ${dtype}_${MR}_${NP}(x: usize, ldx: usize, w: usize, next: usize, K: i32, y: usize, ldy: usize, first: bool): void {`,
    ...rows.map((m) => `let x${m} = x + ldx * ${m};`),
    ...rows.flatMap((m) =>
      panels.flatMap((p) =>
        [0, 1].map((j) => `let a${m}_${p}_${j} = first ? f32x4.splat(0) : v128.load(${at(m, p, j)});`),
      ),
    ),
    'for (let k = 0; k < K; k++) {',
    ...panels.flatMap((p) => [
      ...(dtype === 'f32'
        ? [`const b${p}_0 = v128.load(${place(p, 0)}), b${p}_1 = v128.load(${place(p, 1)});`]
        : [
            `const v${p} = v128.load(${place(p, 0)});`,
            `const b${p}_0 = i32x4.shl(v${p}, 16), b${p}_1 = v128.and(v${p}, i32x4.splat(0xffff0000));`,
          ]),
      ...rows.flatMap((m) => [
        `const s${m}_${p} = v128.load32_splat(x${m});`,
        `a${m}_${p}_0 = madd(b${p}_0, s${m}_${p}, a${m}_${p}_0); a${m}_${p}_1 = madd(b${p}_1, s${m}_${p}, a${m}_${p}_1);`,
      ]),
    ]),
    `w += next; ${rows.map((m) => `x${m} += 4;`).join(' ')}`,
    '}',
    ...accumulators.map((name) => {
      const [m, p, j] = name.slice(1).split('_').map(Number);
      return `v128.store(y + ldy * ${m}, ${name}, ${p * 32 + j * 16});`;
    }),
    '}',
  ];
  return lines.join('\n');
}

/**
 * Quantised weights against 16-bit activations, in groups of 32: exact integer sums a group (127 · 32,767 · 32 < 2^31),
 * then y += scale · xScale · sum (+ min · xSum). A group is [half 2][panel 4][4] scales; as many again for its second 16
 * values of k (q6), or as many minima (q5, q4); and [k pair 16][panel 4][feature 8][2] of int8, or (q4) [two k pairs 8]
 * [panel 4][16 bytes] of int4: byte b of a pair's vector holds pair 2i low, pair 2i + 1 high.
 */
function quantisedTile(dtype: QuantisedDtype, MR: number, NP: number): string {
  const rows = range(MR);
  const panels = range(NP);
  const each = <T>(body: (m: number, p: number, j: number) => T): T[] =>
    rows.flatMap((m) => panels.flatMap((p) => [0, 1].map((j) => body(m, p, j))));
  const { group, hasMin } = quantisedFormats[dtype];
  const header = headerBytes(dtype);
  const scaled = range(32 / group); // runs of k with a scale of their own
  const pairs = dtype === 'q4' ? 2 : 1; // k pairs a step
  const lines = [
    `function ${dtype}_${MR}_${NP}(x: usize, ldx: usize, xs: usize, ldxs: usize, w: usize, K: i32, y: usize, ldy: usize, first: bool): void {`,
    ...rows.map((m) => `let x${m} = x + ldx * ${m}; let q${m} = xs + ldxs * ${m};`),
    ...each(
      (m, p, j) => `let f${m}_${p}_${j} = first ? f32x4.splat(0) : v128.load(y + ldy * ${m}, ${p * 32 + j * 16});`,
    ),
    'for (let k = 0; k < K; k += 32) {',
    ...each((m, p, j) => `let a${m}_${p}_${j} = i32x4.splat(0);`),
    `let d = w + ${header};`,
    ...scaled.flatMap((run) => [
      ...(run === 0 ? [] : each((m, p, j) => `a${m}_${p}_${j} = i32x4.splat(0);`)),
      `for (let i = 0; i < ${group / 2}; i += ${pairs}) {`,
      ...panels.flatMap((p) => (dtype === 'q4' ? nibbleSums(rows, p) : byteSums(rows, p))),
      `d += 64; ${rows.map((m) => `x${m} += ${4 * pairs};`).join(' ')}`,
      '}',
      ...each(
        (m, p, j) =>
          `f${m}_${p}_${j} = madd(f32x4.convert_i32x4_s(a${m}_${p}_${j}), f32x4.mul(v128.load(w, ${128 * run + 64 * j + 16 * p}), v128.load32_splat(q${m})), f${m}_${p}_${j});`,
      ),
    ]),
    ...(hasMin
      ? each(
          (m, p, j) =>
            `f${m}_${p}_${j} = madd(v128.load(w, ${128 + 64 * j + 16 * p}), v128.load32_splat(q${m}, 4), f${m}_${p}_${j});`,
        )
      : []),
    `w += ${groupBytes[dtype]}; ${rows.map((m) => `q${m} += 8;`).join(' ')}`,
    '}',
    ...each((m, p, j) => `v128.store(y + ldy * ${m}, f${m}_${p}_${j}, ${p * 32 + j * 16});`),
    '}',
  ];
  return lines.join('\n');
}

/** Integer sums of one k pair of panel p. */
function byteSums(rows: readonly number[], p: number): string[] {
  return [
    `const b${p}_0 = v128.load_ext<i8>(d, ${p * 16}), b${p}_1 = v128.load_ext<i8>(d, ${p * 16 + 8});`,
    ...rows.flatMap((m) => [
      `const s${m}_${p} = v128.load32_splat(x${m});`,
      ...[0, 1].map((j) => `a${m}_${p}_${j} = i32x4.add(a${m}_${p}_${j}, i32x4.dot_i16x8_s(b${p}_${j}, s${m}_${p}));`),
    ]),
  ];
}

/** The same of two k pairs, one in the low halves of its bytes and one in the high. */
function nibbleSums(rows: readonly number[], p: number): string[] {
  return [
    `const v${p} = v128.load(d, ${p * 16}), l${p} = v128.and(v${p}, i8x16.splat(15)), h${p} = i8x16.shr_u(v${p}, 4);`,
    ...['l', 'h'].flatMap((half, offset) => [
      `const ${half}${p}_0 = i16x8.extend_low_i8x16_u(${half}${p}), ${half}${p}_1 = i16x8.extend_high_i8x16_u(${half}${p});`,
      ...rows.flatMap((m) => [
        `const s${half}${m}_${p} = v128.load32_splat(x${m}, ${offset * 4});`,
        ...[0, 1].map(
          (j) =>
            `a${m}_${p}_${j} = i32x4.add(a${m}_${p}_${j}, i32x4.dot_i16x8_s(${half}${p}_${j}, s${half}${m}_${p}));`,
        ),
      ]),
    ]),
  ];
}

/** Calls tiles until `M` rows of the panels that a tile takes are done, for one block of k. */
function rowLoop(dtype: WeightDtype): string {
  const hasScales = isQuantised(dtype);
  const scales = hasScales ? 'xs: usize, ldxs: usize, ' : '';
  const places = hasScales ? '' : 'next, ';
  const pass = (m: string) => (hasScales ? `xs + ldxs * ${m}, ldxs, ` : '');
  const call = (MR: number, NP: number) =>
    `${dtype}_${MR}_${NP}(x + ldx * m, ldx, ${pass('m')}w, ${places}K, y + ldy * m, ldy, first); m += ${MR};`;
  const wide = shapes[dtype].filter(([, panels]) => panels > 1);
  const narrow = shapes[dtype].filter(([, panels]) => panels === 1).toReversed();
  const [[most]] = narrow;
  return [
    `// Panels side by side that a tile of M rows takes: 1 where M is more than any wide tile has.`,
    `export function ${dtype}Width(M: i32): i32 {`,
    ...wide.map(([rows, panels]) => `if (M == ${rows}) return ${panels};`),
    'return 1;',
    '}',
    `export function ${dtype}Rows(x: usize, ldx: usize, ${scales}M: i32, w: usize, ${hasScales ? '' : 'next: usize, '}panels: i32, K: i32, y: usize, ldy: usize, first: bool): void {`,
    'let m: usize = 0;',
    ...wide.map(([rows, panels]) => `if (M == ${rows} && panels == ${panels}) { ${call(rows, panels)} return; }`),
    `for (let left = M; left > 0; left = M - <i32>m) {`,
    `// Two tiles of about as many rows rather than a full one and a small one, which would wait for its own additions.`,
    `const rows = left >= ${2 * most} || left <= ${most} ? min(left, ${most}) : (left + 1) >>> 1;`,
    narrow.map(([rows]) => `if (rows == ${rows}) { ${call(rows, 1)} }`).join(' else '),
    '}',
    '}',
    `export const ${dtype}MostRows: i32 = ${most};`,
  ].join('\n');
}

/** The whole module, imported by simd.as.ts as './tiles.as'. */
export function tilesSource(): string {
  const dtypes = Object.keys(shapes) as WeightDtype[];
  return [
    '// Generated by kernels/ops/linear/tiles.ts.',
    "import { madd } from '../../backends/simd/math.as';",
    ...dtypes.flatMap((dtype) => [
      ...shapes[dtype].map(([rows, panels]) =>
        isQuantised(dtype) ? quantisedTile(dtype, rows, panels) : floatTile(dtype, rows, panels),
      ),
      rowLoop(dtype),
    ]),
  ].join('\n');
}
