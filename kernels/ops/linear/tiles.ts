/**
 * Writes the innermost loops of the linear op as AssemblyScript: register tiles of MR rows × NP panels, unrolled, which
 * the language cannot express by itself. Vector lanes are output features (a panel is 8 of them, two vectors), rows come
 * as splats. Every output is one running sum over k in one order, whatever the tile: results have the same bits in any
 * batch. Few rows take several panels at once, because one panel alone would wait for its own additions.
 */

import { range } from '../../unroll.js';
import { halves, wordMasks } from './group-loops.js';
import { type WeightDtype, weightDtypes } from './index.js';
import { headerBytes, panelStep, streamBytes, stripeStep, unitBytes, unitSpan } from './layout.js';
import { isQuantised, type QuantisedDtype } from './quantise.js';
import { quantisedTile, wordValue } from './quantised-tiles.js';
import {
  unpackedBytes,
  unpackedKind,
  unpackedKinds,
  unpackedRows,
  unpackedTile,
  unpackedTiles,
  unpacker,
} from './unpacked-tiles.js';

type Shapes = readonly (readonly [rows: number, panels: number])[];

const few: Shapes = [
  [1, 1],
  [1, 4],
  [2, 1],
  [2, 2],
  [3, 1],
  [4, 1],
];

/** Rows × panels of each tile. 16 vector registers hold accumulators, weights and a splat. */
const shapes: Readonly<Record<'f32' | 'bf16', Shapes>> = {
  f32: [...few, [5, 1], [6, 1]],
  // Widening takes registers of its own. Two panels are a stripe.
  bf16: [...few, [1, 2], [5, 1]],
};

/** Rows of a tile of quantised weights at most, which takes them apart in registers. */
const mostRows: Readonly<Record<QuantisedDtype, number>> = { q8: 4, q6: 3, q5: 3, q5k: 3, q4: 3, q4k: 3 };

/** Rows up to which such tiles, one after another, are faster than taking a block apart once for all. */
const fewRows: Readonly<Record<QuantisedDtype, number>> = { q8: 32, q6: 6, q5: 6, q5k: 6, q4: 6, q4k: 6 };

/** Floating weights in stripes that lie `stripe` bytes apart, and rows packed as [k][MR] (pack-rows.as.ts). */
function floatTile(dtype: 'f32' | 'bf16', MR: number, NP: number): string {
  const rows = range(MR);
  const panels = range(NP);
  const accumulators = rows.flatMap((m) => panels.flatMap((p) => [`a${m}_${p}_0`, `a${m}_${p}_1`]));
  const at = (m: number, p: number, j: number) => `y + ldy * ${m}, ${p * 32 + j * 16}`;
  const each = stripeStep / panelStep(dtype);
  const stripes = range(Math.ceil(NP / each));
  const place = (p: number, j: number) => `w${Math.floor(p / each)}, ${(p % each) * panelStep(dtype) + j * 16}`;
  const lines = [
    `function ${dtype}_${MR}_${NP}(x: usize, w0: usize, stripe: usize, K: i32, y: usize, ldy: usize, first: bool): void {`,
    ...stripes.slice(1).map((s) => `let w${s} = w0 + stripe * ${s};`),
    ...rows.flatMap((m) =>
      panels.flatMap((p) =>
        halves.map((j) => `let a${m}_${p}_${j} = first ? f32x4.splat(0) : v128.load(${at(m, p, j)});`),
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
        `const s${m}_${p} = v128.load32_splat(x, ${4 * m});`,
        ...halves.map((j) => `a${m}_${p}_${j} = madd(b${p}_${j}, s${m}_${p}, a${m}_${p}_${j});`),
      ]),
    ]),
    `${stripes.map((s) => `w${s} += ${stripeStep};`).join(' ')} x += ${4 * MR};`,
    '}',
    ...accumulators.map((name) => {
      const [m, p, j] = name.slice(1).split('_').map(Number);
      return `v128.store(y + ldy * ${m}, ${name}, ${p * 32 + j * 16});`;
    }),
    '}',
  ];
  return lines.join('\n');
}

/** Calls the tile of so many rows and panels. */
function floatTiles(name: string, shapes: Shapes): string {
  return [
    `export function ${name}Tile(rows: i32, panels: i32, x: usize, w: usize, stripe: usize, K: i32, y: usize, ldy: usize, first: bool): void {`,
    ...shapes.map(
      ([MR, NP]) =>
        `if (rows == ${MR} && panels == ${NP}) { ${name}_${MR}_${NP}(x, w, stripe, K, y, ldy, first); return; }`,
    ),
    '}',
  ].join('\n');
}

/** Rows of the next tile where so many are left and a tile has so many at most. */
const rowsOfTile = `export function rowsOfTile(left: i32, most: i32): i32 {
  // Two tiles of about as many rows rather than a full one and a small one, which would wait for its own additions.
  return left >= 2 * most || left <= most ? min(left, most) : (left + 1) >>> 1;
}`;

/** How many rows and panels a dtype's tiles take. */
function extents(name: string, shapes: Shapes): string {
  const widest = new Map<number, number>();
  for (const [rows, panels] of shapes) widest.set(rows, Math.max(panels, widest.get(rows) ?? 1));
  return [
    '// Panels side by side that a tile of M rows takes at most: 1 where M is more than any tile has.',
    `function ${name}Width(M: i32): i32 {`,
    ...[...widest].filter(([, panels]) => panels > 1).map(([rows, panels]) => `if (M == ${rows}) return ${panels};`),
    'return 1;',
    '}',
    `export const ${name}MostRows: i32 = ${Math.max(...widest.keys())};`,
  ].join('\n');
}

/** Calls the body of the dtype; closes the function. */
function byDtype(body: (dtype: QuantisedDtype) => readonly string[]): string[] {
  return [
    ...weightDtypes.flatMap((dtype, code) =>
      isQuantised(dtype) ? [`if (dtype == ${code}) {`, ...body(dtype), 'return;', '}'] : [],
    ),
    '}',
  ];
}

/** Few rows × the panels from `panel` on of four. */
function fewQuantised(): string[] {
  return [
    'export function fewQuantised(dtype: i32, x: usize, ldx: usize, xs: usize, ldxs: usize, M: i32, w: usize, panel: usize, panels: i32, K: i32, y: usize, ldy: usize): void {',
    ...byDtype((dtype) => [
      'for (let m = 0, rows = 0; m < M; m += rows) {',
      `rows = rowsOfTile(M - m, ${mostRows[dtype]});`,
      ...range(mostRows[dtype]).map(
        (m) => `if (rows == ${m + 1}) ${dtype}_${m + 1}(x, ldx, xs, ldxs, w, panel, panels, K, y, ldy);`,
      ),
      'x += ldx * rows; xs += ldxs * rows; y += ldy * rows;',
      '}',
    ]),
  ];
}

/** What more rows go through: a panel's block taken apart, and tiles of packed rows over it. */
function unpackedPanels(): string[] {
  return [
    `export const unpackedMostRows: i32 = ${unpackedRows};`,
    `export const UNPACKED_BYTES: usize = ${unpackedBytes};`,
    'export function unpackPanel(dtype: i32, w: usize, panel: usize, K: i32, to: usize): void {',
    ...byDtype((dtype) => [`${dtype}Unpack(w, panel, K, to);`]),
    'export function unpackedTile(dtype: i32, rows: i32, x: usize, q: usize, d: usize, K: i32, y: usize, ldy: usize, first: bool): void {',
    ...byDtype((dtype) => [`${unpackedKind(dtype)}Tile(rows, x, q, d, K, y, ldy, first);`]),
  ];
}

/** Sizes of layout.ts by dtype, for the kernels. */
function sizes(): string[] {
  const by = (name: string, type: string, of: (dtype: WeightDtype) => number | string, parameters = 'dtype: i32') => [
    `export function ${name}(${parameters}): ${type} {`,
    ...weightDtypes.map((dtype, code) => `if (dtype == ${code}) return ${of(dtype)};`),
    'return 0;',
    '}',
  ];
  const units = (dtype: WeightDtype) => (isQuantised(dtype) ? 4 * unitBytes(dtype) : 0);
  return [
    ...weightDtypes.map((dtype, code) => `export const ${dtype.toUpperCase()}: i32 = ${code};`),
    ...by('panelStep', 'usize', panelStep),
    ...by('headerBytes', 'usize', (dtype) => (isQuantised(dtype) ? headerBytes(dtype) : 0)),
    ...by('unitBytes', 'usize', (dtype) => (isQuantised(dtype) ? unitBytes(dtype) : 0)),
    ...by('tileWidth', 'i32', (dtype) => (isQuantised(dtype) ? 1 : `${dtype}Width(M)`), 'dtype: i32, M: i32'),
    '// Rows that take quantised weights apart as they read them.',
    ...by('fewRows', 'i32', (dtype) => (isQuantised(dtype) ? fewRows[dtype] : 0)),
    '// Bytes of four panels of K values.',
    ...by(
      'streamBytes',
      'usize',
      (dtype) =>
        isQuantised(dtype)
          ? `<usize>((K + ${unitSpan - 1}) / ${unitSpan}) * ${units(dtype)} + <usize>((K + 31) >>> 5) * ${4 * panelStep(dtype)}`
          : `<usize>K * ${streamBytes(dtype, 1)}`,
      'dtype: i32, K: i32',
    ),
  ];
}

/** The whole module, imported by simd.as.ts as './tiles.as'. */
export function tilesSource(): string {
  const kinds = Object.keys(unpackedKinds) as (keyof typeof unpackedKinds)[];
  return [
    '// Generated by kernels/ops/linear/tiles.ts.',
    "import { clear, constant, madd, widenHigh, widenLow, widenSmallHigh, widenSmallLow } from '../../backends/simd/math.as';",
    "import { threadBuffer } from '../../backends/simd/pool.as';",
    ...sizes(),
    ...([4, 5, 6] as const).flatMap((bits) => [wordMasks(bits), wordValue(bits)]),
    ...weightDtypes.flatMap((dtype) =>
      isQuantised(dtype)
        ? [...range(mostRows[dtype]).map((m) => quantisedTile(dtype, m + 1)), unpacker(dtype)]
        : [
            ...shapes[dtype].map(([rows, panels]) => floatTile(dtype, rows, panels)),
            extents(dtype, shapes[dtype]),
            floatTiles(dtype, shapes[dtype]),
          ],
    ),
    rowsOfTile,
    ...kinds.flatMap((kind) => [...range(unpackedRows).map((m) => unpackedTile(kind, m + 1)), unpackedTiles(kind)]),
    ...unpackedPanels(),
    ...fewQuantised(),
  ].join('\n');
}
