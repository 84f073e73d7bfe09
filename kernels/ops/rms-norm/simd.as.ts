// weight · x / √(mean(x²) + ε); the sum of squares is taken in four lanes, in order.
import { laneSum, madd } from '../../backends/simd/math.as';
import { address, operand, operandF32, take } from '../../backends/simd/pool.as';

export function normRow(x: usize, weight: usize, width: i32, epsilon: f32, y: usize): void {
  let sum4 = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= width; i += 4) {
    const v = v128.load(x + (<usize>i << 2));
    sum4 = madd(v, v, sum4);
  }
  let sum = laneSum(sum4);
  for (; i < width; i++) {
    const v = load<f32>(x + (<usize>i << 2));
    sum += v * v;
  }
  const scale: f32 = 1 / sqrt<f32>(sum / <f32>width + epsilon);
  const scale4 = f32x4.splat(scale);
  for (i = 0; i + 4 <= width; i += 4) {
    const at = <usize>i << 2;
    v128.store(y + at, f32x4.mul(f32x4.mul(v128.load(x + at), scale4), v128.load(weight + at)));
  }
  for (; i < width; i++) {
    const at = <usize>i << 2;
    store<f32>(y + at, load<f32>(x + at) * scale * load<f32>(weight + at));
  }
}

// Operands: x, rows, weight, width, epsilon, y
export function rmsNormJob(): void {
  const x = address(0), rows = operand(1), weight = address(2), width = operand(3), y = address(5);
  const bytes = <usize>width << 2;
  for (;;) {
    const first = take(0, 4);
    if (first >= rows) break;
    const end = min(rows, first + 4);
    for (let row = first; row < end; row++) normRow(x + <usize>row * bytes, weight, width, operandF32(4), y + <usize>row * bytes);
  }
}
