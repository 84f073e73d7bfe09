// Arithmetic that the kernels share. Compiled twice: plain, and with relaxed SIMD, where multiply-add is one instruction.

// a · b + c in every lane: fused (one rounding) in the relaxed build where the processor fuses, else two roundings.
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}

// A vector of 32 equal lanes from memory. The compiler builds a constant anew wherever a loop needs it, in three
// instructions; this is one, and what a function begins with it keeps.
// @ts-ignore: decorator
@inline
export function constant(at: usize): v128 { return v128.load32_splat(at); }

const widening = memory.data<u32>([0x8fffe000, 0x77800000]);

// Float16 in the upper halves of 32-bit lanes to float32: the exponent's five bits come to the low end of eight, and a
// product with 2^112 makes up for the bias. Exact, subnormals included; infinities and NaN, which no scale is, become large
// numbers.
// @ts-ignore: decorator
@inline
function widen(lanes: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shr_s(lanes, 3), constant(widening)), constant(widening + 4));
}

// @ts-ignore: decorator
@inline
function low(halves: v128): v128 { return v128.shuffle<i16>(halves, halves, 0, 0, 1, 1, 2, 2, 3, 3); }

// @ts-ignore: decorator
@inline
function high(halves: v128): v128 { return v128.shuffle<i16>(halves, halves, 4, 4, 5, 5, 6, 6, 7, 7); }

// @ts-ignore: decorator
@inline
export function widenLow(halves: v128): v128 { return widen(low(halves)); }

// @ts-ignore: decorator
@inline
export function widenHigh(halves: v128): v128 { return widen(high(halves)); }

const small = memory.data<u32>([0x0fffe000, 0x38000000, 0x40000000, 0xb8800000, 0x80000000]);

// The same without a subnormal operand, which takes the processor several times as long. The exponent's bias is added as an
// integer, which makes (2^-14 + m) / 2 of a subnormal m: then, and only then, twice that less 2^-14 is the smaller one.
// @ts-ignore: decorator
@inline
function widenSmall(lanes: v128): v128 {
  const magnitude = i32x4.add(v128.and(i32x4.shr_s(lanes, 3), constant(small)), constant(small + 4));
  const least = f32x4.pmin(magnitude, madd(magnitude, constant(small + 8), constant(small + 12)));
  return v128.or(least, v128.and(lanes, constant(small + 16)));
}

// @ts-ignore: decorator
@inline
export function widenSmallLow(halves: v128): v128 { return widenSmall(low(halves)); }

// @ts-ignore: decorator
@inline
export function widenSmallHigh(halves: v128): v128 { return widenSmall(high(halves)); }

// (l0 + l1) + (l2 + l3)
// @ts-ignore: decorator
@inline
export function laneSum(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

// @ts-ignore: decorator
@inline
export function laneMax(v: v128): f32 {
  return max(max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)), max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)));
}

// The largest lane in every lane.
// @ts-ignore: decorator
@inline
export function laneMax4(v: v128): v128 {
  const pairs = f32x4.pmax(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return f32x4.pmax(pairs, v128.shuffle<f32>(pairs, pairs, 1, 0, 3, 2));
}

// Constants of exp4.
const EXP: usize = memory.data<f32>([
  -87.0, 88.0, 12582912.0, 1.44269504, 0.693359375, -2.12194440e-4, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3,
  4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1.0,
]);
const EXPONENT_BIAS: usize = memory.data<i32>([127]);

// e^x: 2^n · p(r) with the Cephes polynomial (expf), below 1e-7 relative; 0 under −87, and as for 88 above it. NaN stays
// NaN: pmin and pmax, one instruction each where min and max are many, give back their first operand then.
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const lowest = constant(EXP);
  const clamped = f32x4.pmin(f32x4.pmax(x, lowest), constant(EXP + 4));
  // Adding 1.5 · 2^23 rounds to an integer and leaves it in the low bits.
  const magic = constant(EXP + 8);
  const shifted = f32x4.add(f32x4.mul(clamped, constant(EXP + 12)), magic);
  const n = f32x4.sub(shifted, magic);
  let r = f32x4.sub(clamped, f32x4.mul(n, constant(EXP + 16)));
  r = f32x4.sub(r, f32x4.mul(n, constant(EXP + 20)));
  let p = constant(EXP + 24);
  p = madd(p, r, constant(EXP + 28));
  p = madd(p, r, constant(EXP + 32));
  p = madd(p, r, constant(EXP + 36));
  p = madd(p, r, constant(EXP + 40));
  p = madd(p, r, constant(EXP + 44));
  p = f32x4.add(madd(f32x4.mul(p, r), r, r), constant(EXP + 48));
  const power = i32x4.shl(i32x4.add(shifted, constant(EXPONENT_BIAS)), 23);
  return v128.andnot(f32x4.mul(p, power), f32x4.lt(x, lowest));
}

// Zeroes `bytes` (a multiple of 16): memory.fill leaves the compiled code, which costs more than so few stores.
// @ts-ignore: decorator
@inline
export function clear(at: usize, bytes: usize): void {
  for (let end = at + bytes; at < end; at += 16) v128.store(at, f32x4.splat(0));
}

// Copies `bytes` (a multiple of 16).
// @ts-ignore: decorator
@inline
export function copy(to: usize, from: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, v128.load(from + i));
}
