// Temperature and nucleus sampling without sorting the vocabulary: the nucleus' least weight is found by radix
// selection on the bits of the weights, which order like the weights because they are not negative.
import { exp4, laneMax } from '../../backends/simd/math.as';
import { address, operand, take, threadIndex } from '../../backends/simd/pool.as';

const BINS: i32 = 2048;

function largestLogit(row: usize, V: i32): f32 {
  let max4 = f32x4.splat(-Infinity);
  let n = 0;
  for (; n + 4 <= V; n += 4) max4 = f32x4.pmax(max4, v128.load(row + (<usize>n << 2)));
  let largest = laneMax(max4);
  for (; n < V; n++) largest = max(largest, load<f32>(row + (<usize>n << 2)));
  return largest;
}

function argmax(row: usize, V: i32): i32 {
  const largest = largestLogit(row, V);
  for (let n = 0; n < V; n++) if (load<f32>(row + (<usize>n << 2)) == largest) return n;
  return 0;
}

// The bits of the least weight inside the nucleus: the largest w such that weights > w hold less than `mass`.
function nucleusEdge(weights: usize, V: i32, mass: f64, bins: usize): u32 {
  let prefix: u32 = 0, known: u32 = 0; // bits found so far and their mask
  let above: f64 = 0; // mass of weights beyond the current prefix
  for (let level = 0; level < 3; level++) {
    const shift: u32 = level == 0 ? 21 : level == 1 ? 10 : 0;
    const width: u32 = level == 2 ? 1024 : 2048;
    memory.fill(bins, 0, <usize>BINS << 3);
    for (let n = 0; n < V; n++) {
      const bits = load<u32>(weights + (<usize>n << 2));
      if ((bits & known) != prefix) continue;
      const bin = bins + (<usize>((bits >>> shift) & (width - 1)) << 3);
      store<f64>(bin, load<f64>(bin) + <f64>reinterpret<f32>(bits));
    }
    let bin = width - 1;
    let last = bin; // the lowest bin that holds anything, should rounding leave the mass unreached
    for (;; bin--) {
      const inside = load<f64>(bins + (<usize>bin << 3));
      if (inside > 0) last = bin;
      if (inside > 0 && above + inside >= mass) break;
      above += inside;
      if (bin == 0) { bin = last; above -= load<f64>(bins + (<usize>last << 3)); break; }
    }
    prefix |= bin << shift;
    known |= (width - 1) << shift;
  }
  return prefix;
}

// Operands: logits [R, V], R, V, temperatures [R], top-ps [R], uniforms [R] f64, ids out [R],
// weights (V · 4 bytes a thread, rounded up to 16), bins (16 KiB a thread)
export function sampleJob(): void {
  const logits = address(0), R = operand(1), V = operand(2), temperatures = address(3), topPs = address(4);
  const uniforms = address(5), ids = address(6);
  const stride = (<usize>V * 4 + 15) & ~15;
  const weights = address(7) + <usize>threadIndex() * stride;
  const bins = address(8) + <usize>threadIndex() * (<usize>BINS << 3);
  for (;;) {
    const r = take(0, 1);
    if (r >= R) break;
    const row = logits + <usize>r * (<usize>V << 2);
    const temperature = load<f32>(temperatures + (<usize>r << 2));
    const id = ids + (<usize>r << 2);
    if (temperature == 0) {
      store<i32>(id, argmax(row, V));
      continue;
    }
    const largest = f32x4.splat(largestLogit(row, V));
    const temperature4 = f32x4.splat(temperature);
    let n = 0;
    for (; n + 4 <= V; n += 4) {
      v128.store(weights + (<usize>n << 2), exp4(f32x4.div(f32x4.sub(v128.load(row + (<usize>n << 2)), largest), temperature4)));
    }
    for (; n < V; n++) {
      const x = f32x4.div(f32x4.sub(f32x4.splat(load<f32>(row + (<usize>n << 2))), largest), temperature4);
      store<f32>(weights + (<usize>n << 2), f32x4.extract_lane(exp4(x), 0));
    }
    let total: f64 = 0;
    for (n = 0; n < V; n++) total += <f64>load<f32>(weights + (<usize>n << 2));
    let edge: u32 = 0;
    const topP = load<f32>(topPs + (<usize>r << 2));
    if (topP < 1) {
      edge = nucleusEdge(weights, V, total * <f64>topP, bins);
      total = 0;
      for (n = 0; n < V; n++) {
        if (load<u32>(weights + (<usize>n << 2)) >= edge) total += <f64>load<f32>(weights + (<usize>n << 2));
      }
    }
    const wanted = total * load<f64>(uniforms + (<usize>r << 3));
    let cumulative: f64 = 0;
    let chosen = 0;
    for (n = 0; n < V; n++) {
      const bits = load<u32>(weights + (<usize>n << 2));
      if (bits == 0 || bits < edge) continue;
      cumulative += <f64>reinterpret<f32>(bits);
      chosen = n;
      if (cumulative > wanted) break;
    }
    store<i32>(id, chosen);
  }
}
