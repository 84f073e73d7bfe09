// down(act(gate(norm(x))) · up(norm(x))) + residual in one job: gate and up lie panel beside panel, so that the product
// of activation and up is taken while both are in the cache.
import { exp4 } from '../../backends/simd/math.as';
import { address, barrier, firstUnit, nextUnit, operand, operandF32, threadIndex } from '../../backends/simd/pool.as';
import { TOGETHER, finish, isQuantised, multiplyPanels, prepareRows, product, rowsFrom } from '../linear/simd.as';

// @ts-ignore: decorator
@inline
function silu(x: v128): v128 {
  return f32x4.div(x, f32x4.add(f32x4.splat(1), exp4(f32x4.neg(x))));
}

// 0.5 x (1 + tanh(z)) = x / (1 + e^(−2z)), z = √(2/π) (x + 0.044715 x³)
// @ts-ignore: decorator
@inline
function gelu(x: v128): v128 {
  const cube = f32x4.mul(f32x4.mul(x, x), x);
  const z = f32x4.mul(f32x4.splat(0.7978845608), f32x4.add(x, f32x4.mul(f32x4.splat(0.044715), cube)));
  return f32x4.div(x, f32x4.add(f32x4.splat(1), exp4(f32x4.mul(f32x4.splat(-2), z))));
}

// @ts-ignore: decorator
@inline
function storeLanes(value: v128, to: usize, step: usize): void {
  v128.store_lane<f32>(to, value, 0);
  v128.store_lane<f32>(to + step, value, 1);
  v128.store_lane<f32>(to + 2 * step, value, 2);
  v128.store_lane<f32>(to + 3 * step, value, 3);
}

// Operands: x, M, d, gateUp, f, dtype, gate-up bias [2F], is gelu, norm, epsilon, normed, prepared, scales,
// hidden [M, F] with F = f rounded up to 8, down, down dtype, down bias, residual, y, pair (M · 128 bytes a thread),
// quantised hidden, its scales, tails (M · 32 bytes a thread)
export function gatedMlpJob(): void {
  const M = operand(1), d = operand(2), gateUp = address(3), f = operand(4), dtype = operand(5), bias = address(6);
  const isGelu = operand(7) != 0, downDtype = operand(15), scales = address(12), hidden = address(13);
  const x = prepareRows(0, address(0), M, d, dtype, address(8), operandF32(9), address(10), address(11), scales);
  const pairs = (f + 7) >>> 3;
  const ldh = <usize>pairs << 5;
  // Two pairs are four panels, which are multiplied together.
  const step = 2;
  const ldp: usize = 128;
  const pair = address(19) + <usize>threadIndex() * (<usize>M * ldp);
  const units = (pairs + step - 1) / step;
  for (let unit = firstUnit(1, units); unit < units; unit = nextUnit(1, units, unit)) {
    const i = unit * step;
    const count = min(step, pairs - i);
    if (count == step) multiplyPanels(x, scales, M, d, gateUp, 2 * f, dtype, 2 * i, TOGETHER, pair, ldp);
    else for (let p = 0; p < 2; p++) multiplyPanels(x, scales, M, d, gateUp, 2 * f, dtype, 2 * i + p, 1, pair + (<usize>p << 5), ldp);
    finish(pair, ldp, M, i << 4, count << 4, bias, 0, 0);
    for (let m0 = 0, rows = 0; m0 < M; m0 += rows) {
      // Floating weights want the rows of a tile packed as [feature][row].
      rows = isQuantised(downDtype) ? 1 : rowsFrom(downDtype, m0, M);
      const stride = <usize>rows << 2;
      for (let m = m0; m < m0 + rows; m++) {
        for (let c = 0; c < count; c++) {
          const from = pair + <usize>m * ldp + (<usize>c << 6);
          let to = hidden + <usize>m0 * ldh + (<usize>(m - m0) << 2) + <usize>(i + c) * 8 * stride;
          for (let j: usize = 0; j < 32; j += 16) {
            const gate = v128.load(from + j), up = v128.load(from + j, 32);
            const value = f32x4.mul(isGelu ? gelu(gate) : silu(gate), up);
            if (rows == 1) v128.store(to, value);
            else storeLanes(value, to, stride);
            to += 4 * stride;
          }
        }
      }
    }
  }
  barrier();
  const F = pairs << 3;
  const hs = address(21);
  const h = isQuantised(downDtype) ? prepareRows(2, hidden, M, F, downDtype, 0, 0, 0, address(20), hs) : hidden;
  product(3, h, hs, M, F, address(14), d, downDtype, address(18), address(16), address(17), address(22));
}
