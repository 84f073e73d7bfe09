/**
 * The innermost loops of quantised weights for many rows (see tiles.ts): a block of a panel is taken apart once, into
 * float32 scales and 16-bit values, which all rows read. Sums and bits are those of the few rows' tiles
 * (quantised-tiles.ts).
 *
 * A tile's rows are packed as pairs of k side by side (pack-rows.as.ts): a step loads two vectors of weights and a splat a
 * row, and moves one pointer for all rows. Accumulators, weights and splats leave the compiler one register for a product.
 */
import { range } from '../../unroll.js';
import { each, halves, overGroups, scales, wordSums } from './group-loops.js';
import { headerBytes, valueBits, wordFormats } from './layout.js';
import { type QuantisedDtype, quantisedFormats } from './quantise.js';

/** Rows of a tile at most. */
export const unpackedRows = 4;

/** Bytes of an unpacked group of one panel: 8 scales, 8 minima or second scales, and [k pair 16][8][2] values. */
export const unpackedBytes = 32 + 32 + 512;

/** Bytes of a row's numbers a group (simd.as.ts). */
const numberBytes = 16;

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

/** MR packed rows × one panel, for one block of k. */
export function unpackedTile(kind: keyof typeof unpackedKinds, MR: number): string {
  const rows = range(MR);
  const { group, hasMin } = unpackedKinds[kind];
  const all = (body: (m: number, j: number) => string) => each(rows, body);
  const vectors = (name: string, at: number) => halves.map((j) => `const ${name}_${j} = v128.load(d, ${at + 16 * j});`);
  const number = (n: number, m: number) => `v128.load32_splat(q, ${4 * (n * MR + m)})`;
  const dot = (m: number, j: number) => `i32x4.dot_i16x8_s(e${j}, r${m})`;
  // The compiler takes operands as they are needed only where the last rows' come first.
  const pair = (use: (m: number, j: number) => string) => [
    'const e0 = v128.load(e), e1 = v128.load(e, 16);',
    ...rows
      .toReversed()
      .flatMap((m) => [`const r${m} = v128.load32_splat(x, ${4 * m});`, ...halves.map((j) => use(m, j))]),
    `e += 32; x += ${4 * MR};`,
  ];
  const runs = range(32 / group).flatMap((run) => [
    '{',
    ...vectors('s', 32 * run),
    ...all((m, j) => `let a${m}_${j}: v128;`),
    `let e = d + ${64 + 512 * (run / (32 / group))};`,
    '{',
    ...pair((m, j) => `a${m}_${j} = ${dot(m, j)};`),
    '}',
    `for (let i = 1; i < ${group / 2}; i++) {`,
    ...pair((m, j) => `a${m}_${j} = i32x4.add(a${m}_${j}, ${dot(m, j)});`),
    '}',
    ...all(
      (m, j) => `f${m}_${j} = madd(f32x4.convert_i32x4_s(a${m}_${j}), f32x4.mul(s_${j}, ${number(0, m)}), f${m}_${j});`,
    ),
    '}',
  ]);
  return [
    `function ${kind}_${MR}(x: usize, q: usize, d: usize, K: i32, y: usize, ldy: usize, first: bool): void {`,
    ...all((m, j) => `let f${m}_${j} = first ? f32x4.splat(0) : v128.load(y + ldy * ${m}, ${16 * j});`),
    'for (let k = 0; k < K; k += 32) {',
    ...runs,
    ...(hasMin
      ? [...vectors('t', 32), ...all((m, j) => `f${m}_${j} = madd(t_${j}, ${number(1, m)}, f${m}_${j});`)]
      : []),
    `d += ${unpackedBytes}; q += ${numberBytes * MR};`,
    '}',
    ...all((m, j) => `v128.store(y + ldy * ${m}, f${m}_${j}, ${16 * j});`),
    '}',
  ].join('\n');
}

/** Calls the tile of so many rows. */
export function unpackedTiles(kind: keyof typeof unpackedKinds): string {
  return [
    `export function ${kind}Tile(rows: i32, x: usize, q: usize, d: usize, K: i32, y: usize, ldy: usize, first: bool): void {`,
    ...range(unpackedRows).map((m) => `if (rows == ${m + 1}) { ${kind}_${m + 1}(x, q, d, K, y, ldy, first); return; }`),
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
    ...overGroups(dtype, [
      ...scales(dtype),
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
    ]),
    '}',
  ].join('\n');
}
