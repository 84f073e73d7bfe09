// log p(ids[t]) while the vocabulary goes by in tiles: a maximum and a sum a tile and row, never the logits of all.
// Tiles are combined in their own order at the end, so the number of threads changes nothing.
import { exp4, laneMax4, laneSum } from '../../backends/simd/math.as';
import { address, barrier, firstUnit, nextUnit, operand, take, threadIndex } from '../../backends/simd/pool.as';
import { TOGETHER, multiplyPanels, prepareRows } from '../linear/simd.as';

const TILE_PANELS: i32 = 32; // 256 vocabulary rows

// Operands: hidden, T, d, head, V, dtype, ids, y [T] of f64 pairs (logit − maximum, Σ e^(logit − maximum)), targets [T], partial (max, sum) [tiles][T], logits (T · 1,024 bytes a
// thread), prepared, scales
export function tokenLogProbJob(): void {
  const T = operand(1), d = operand(2), head = address(3), V = operand(4), dtype = operand(5), ids = address(6);
  const y = address(7), targets = address(8), partial = address(9), scales = address(12);
  const x = prepareRows(0, address(0), T, d, dtype, 0, 0, 0, address(11), scales);
  const ld = <usize>TILE_PANELS << 5;
  const logits = address(10) + <usize>threadIndex() * (<usize>T * ld);
  const panels = (V + 7) >>> 3;
  const tiles = (panels + TILE_PANELS - 1) / TILE_PANELS;
  for (let tile = firstUnit(1, tiles); tile < tiles; tile = nextUnit(1, tiles, tile)) {
    const from = tile * TILE_PANELS, end = min(panels, from + TILE_PANELS);
    for (let p = from; p < end; ) {
      const together = p + TOGETHER <= end ? TOGETHER : 1;
      multiplyPanels(x, scales, T, d, head, V, dtype, p, together, logits + (<usize>(p - from) << 5), ld);
      p += together;
    }
    const firstRow = from << 3;
    const rows = min(V, end << 3) - firstRow;
    const padded = (rows + 3) & ~3;
    for (let t = 0; t < T; t++) {
      const row = logits + <usize>t * ld;
      for (let n = rows; n < padded; n++) store<f32>(row + (<usize>n << 2), -Infinity);
      // Loops that end with their condition: the compiler moves what never changes before them.
      let max4 = f32x4.splat(-Infinity), sum4 = f32x4.splat(0);
      const end = row + (<usize>padded << 2);
      let at = row;
      do {
        max4 = f32x4.pmax(max4, v128.load(at));
        at += 16;
      } while (at < end);
      const largest4 = laneMax4(max4), largest = f32x4.extract_lane(largest4, 0);
      at = row;
      do {
        sum4 = f32x4.add(sum4, exp4(f32x4.sub(v128.load(at), largest4)));
        at += 16;
      } while (at < end);
      const to = partial + (<usize>(tile * T + t) << 3);
      store<f32>(to, largest);
      store<f32>(to, laneSum(sum4), 4);
      const column = load<i32>(ids + (<usize>t << 2)) - firstRow;
      if (column >= 0 && column < rows) store<f32>(targets + (<usize>t << 2), load<f32>(row + (<usize>column << 2)));
    }
  }
  barrier();
  for (;;) {
    const t = take(2, 1);
    if (t >= T) break;
    let largest: f32 = -Infinity;
    for (let tile = 0; tile < tiles; tile++) largest = max(largest, load<f32>(partial + (<usize>(tile * T + t) << 3)));
    let sum: f64 = 0;
    for (let tile = 0; tile < tiles; tile++) {
      const at = partial + (<usize>(tile * T + t) << 3);
      const weight = f32x4.extract_lane(exp4(f32x4.splat(load<f32>(at) - largest)), 0);
      sum += <f64>load<f32>(at, 4) * <f64>weight;
    }
    store<f64>(y + (<usize>t << 4), <f64>load<f32>(targets + (<usize>t << 2)) - <f64>largest);
    store<f64>(y + (<usize>t << 4), sum, 8);
  }
}
