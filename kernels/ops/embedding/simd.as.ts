// Rows of the LM head's own panels (a tied table is stored once), or of a plain float32 table.
import { widenLow } from '../../backends/simd/math.as';
import { address, operand, operandF32, take } from '../../backends/simd/pool.as';
import {
  BF16, F32, Q4, Q4K, Q5, Q5K, Q6, Q8, headerBytes, panelStep, streamBytes, unitBytes, value4, value5, value6,
} from '../linear/tiles.as';
import { floatsAt, isQuantised } from '../linear/simd.as';

// @ts-ignore: decorator
@inline
function float16(at: usize): f32 { return f32x4.extract_lane(widenLow(v128.load16_splat(at)), 0); }

// Feature j of panel p of four at k of d, as float32.
function element(stream: usize, dtype: i32, d: i32, p: usize, k: i32, j: i32): f32 {
  if (!isQuantised(dtype)) {
    const at = floatsAt(stream, dtype, d, p, k);
    if (dtype == F32) return load<f32>(at + (<usize>j << 2));
    const word = load<u32>(at + (<usize>(j & 3) << 2));
    return reinterpret<f32>(j < 4 ? word << 16 : word & 0xffff0000);
  }
  const run = stream + streamBytes(dtype, k & ~127);
  const units = run + p * unitBytes(dtype) + (<usize>j << 1);
  const group = run + 4 * unitBytes(dtype) + (<usize>((k & 127) >>> 5) * 4 + p) * panelStep(dtype);
  const values = group + headerBytes(dtype);
  if (dtype == Q8) return float16(group + (<usize>j << 1)) * <f32>load<i8>(values + (<usize>(k & 31) >>> 1 << 4) + (<usize>j << 1) + (k & 1));
  const half = <usize>(j >>> 2), lane = <usize>(j & 3) << 2;
  if (dtype == Q6) {
    const scale = float16(units) * <f32>load<i8>(group + (<usize>(k & 16) >>> 1) + j);
    return scale * <f32>(value6(values + half * 96 + lane, k & 31) - 32);
  }
  const q = <f32>(dtype == Q4 || dtype == Q4K ? value4(values + half * 64 + lane, k & 31) : value5(values + half * 80 + lane, k & 31));
  if (dtype == Q4 || dtype == Q5) return float16(group + (<usize>j << 1)) * q + float16(group + 16 + (<usize>j << 1));
  return float16(units) * <f32>load<u8>(group + j) * q + float16(units + 16) * <f32>load<u8>(group + 8 + j);
}

// Operands: ids, T, packed, dtype, d, scale, y
export function embeddingJob(): void {
  const ids = address(0), T = operand(1), packed = address(2), dtype = operand(3), d = operand(4), y = address(6);
  const scale = operandF32(5);
  for (;;) {
    const t = take(0, 1);
    if (t >= T) break;
    const id = load<i32>(ids + (<usize>t << 2));
    const stream = packed + <usize>(id >>> 5) * streamBytes(dtype, d), p = <usize>((id >>> 3) & 3);
    const to = y + <usize>t * (<usize>d << 2);
    for (let k = 0; k < d; k++) store<f32>(to + (<usize>k << 2), element(stream, dtype, d, p, k, id & 7) * scale);
  }
}
