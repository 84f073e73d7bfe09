// Rows of the LM head's own panels (a tied table is stored once), or of a plain float32 table.
import { address, operand, operandF32, take } from '../../backends/simd/pool.as';
import { BF16, F32, Q4, Q8, panelStride } from '../linear/simd.as';

// Feature k of row n of packed weights, as float32.
// @ts-ignore: decorator
@inline
function element(panel: usize, dtype: i32, k: i32, j: i32): f32 {
  if (dtype == F32) return load<f32>(panel + (<usize>(k * 8 + j) << 2));
  if (dtype == BF16) {
    const word = load<u32>(panel + (<usize>(k * 4 + (j & 3)) << 2));
    return reinterpret<f32>(j < 4 ? word << 16 : word & 0xffff0000);
  }
  const pair = (k & 31) >>> 1;
  if (dtype == Q8) {
    const group = panel + <usize>(k >>> 5) * 288;
    return load<f32>(group + (<usize>j << 2)) * <f32>load<i8>(group + 32 + <usize>(pair * 16 + j * 2 + (k & 1)));
  }
  const group = panel + <usize>(k >>> 5) * 192;
  const byte = load<u8>(group + 64 + <usize>((pair >>> 1) * 16 + j * 2 + (k & 1)));
  const nibble = (pair & 1) != 0 ? byte >>> 4 : byte & 15;
  return load<f32>(group + (<usize>j << 2)) * <f32>nibble + load<f32>(group + 32 + (<usize>j << 2));
}

// Operands: ids, T, packed, dtype, d, scale, y
export function embeddingJob(): void {
  const ids = address(0), T = operand(1), packed = address(2), dtype = operand(3), d = operand(4), y = address(6);
  const scale = operandF32(5);
  for (;;) {
    const t = take(0, 1);
    if (t >= T) break;
    const id = load<i32>(ids + (<usize>t << 2));
    const panel = packed + panelStride(dtype, d) * <usize>(id >>> 3);
    const to = y + <usize>t * (<usize>d << 2);
    for (let k = 0; k < d; k++) store<f32>(to + (<usize>k << 2), element(panel, dtype, k, id & 7) * scale);
  }
}
