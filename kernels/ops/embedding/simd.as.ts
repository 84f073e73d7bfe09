// Rows of the LM head's own panels (a tied table is stored once), or of a plain float32 table.
import { address, operand, operandF32, take } from '../../backends/simd/pool.as';
import { BF16, F32, Q4, Q5, Q6, Q8, groupBytes, panelAt } from '../linear/simd.as';

// Feature j of a panel at k, as float32.
// @ts-ignore: decorator
@inline
function element(panel: usize, dtype: i32, k: i32, j: i32): f32 {
  if (dtype == F32) return load<f32>(panel + <usize>k * 128 + (<usize>j << 2));
  if (dtype == BF16) {
    const word = load<u32>(panel + <usize>k * 64 + (<usize>(j & 3) << 2));
    return reinterpret<f32>(j < 4 ? word << 16 : word & 0xffff0000);
  }
  const group = panel + <usize>(k >>> 5) * groupBytes(dtype);
  const pair = (k & 31) >>> 1;
  const lane = <usize>((j >>> 2) * 64 + (j & 3) * 4), byte = <usize>(j * 2 + (k & 1));
  if (dtype == Q4) {
    const nibbles = load<u8>(group + 256 + <usize>((pair >>> 1) * 64) + byte);
    return load<f32>(group + lane) * <f32>((pair & 1) != 0 ? nibbles >>> 4 : nibbles & 15) + load<f32>(group + 128 + lane);
  }
  const value = <f32>load<i8>(group + (dtype == Q8 ? 128 : 256) + <usize>(pair * 64) + byte);
  // The second scale (Q6) and the minimum (Q5) lie in one place.
  if (dtype == Q6) return load<f32>(group + lane + ((k & 16) != 0 ? 128 : 0)) * value;
  return load<f32>(group + lane) * value + (dtype == Q5 ? load<f32>(group + 128 + lane) : 0);
}

// Operands: ids, T, packed, dtype, d, scale, y
export function embeddingJob(): void {
  const ids = address(0), T = operand(1), packed = address(2), dtype = operand(3), d = operand(4), y = address(6);
  const scale = operandF32(5);
  for (;;) {
    const t = take(0, 1);
    if (t >= T) break;
    const id = load<i32>(ids + (<usize>t << 2));
    const panel = panelAt(packed, dtype, d, id >>> 3);
    const to = y + <usize>t * (<usize>d << 2);
    for (let k = 0; k < d; k++) store<f32>(to + (<usize>k << 2), element(panel, dtype, k, id & 7) * scale);
  }
}
