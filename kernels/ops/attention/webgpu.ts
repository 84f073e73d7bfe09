import { registerWgsl, webGpu } from '../../backends/webgpu/index.js';
import { blocksOf } from './blocks.js';
import type { RaggedRows } from './cache.js';
import type { AttentionAttributes, AttentionInputs } from './reference.js';
import { layerBuffer, widestHead } from './webgpu-cache.js';
import { type AttentionShape, attentionCode, joinCode, splitPositions } from './webgpu-code.js';

/** Values of q that a workgroup holds, and queries: at least one head of any width. */
const mostQueryValues = widestHead;
const mostQueries = 16;
/** Rows of one sequence that share what they read of a page. */
const mostBlockRows = 8;
/** Below so many workgroups a pass does not fill a device, and long sequences are cut among several. */
const enoughWorkgroups = 256;

/** Integers of a pass that several kernels read: [positions T][slots T][tables T][pages]. */
export function uploadRows(rows: RaggedRows): GPUBuffer {
  return webGpu().upload(rows, () => {
    const { positions, slots, tables, pages } = rows;
    const T = positions.length;
    const words = new Int32Array(3 * T + pages.length);
    words.set(positions);
    words.set(slots, T);
    words.set(tables, 2 * T);
    words.set(pages, 3 * T);
    return words;
  });
}

/** What attention wants to know of a pass's rows: their blocks of at most `most`, and the length of the longest sequence. */
interface Cut {
  readonly most: number;
  readonly firstRows: Int32Array;
  readonly longest: number;
}

/** Cuts by rows: all layers of a pass share one. */
const cuts = new WeakMap<RaggedRows, Cut>();

function cutOf(rows: RaggedRows, most: number): Cut {
  const known = cuts.get(rows);
  if (known?.most === most) return known;
  const longest = rows.positions.reduce((longest, position) => Math.max(longest, position + 1), 0);
  const cut = { most, firstRows: Int32Array.from(blocksOf(rows, most).firstRows), longest };
  cuts.set(rows, cut);
  return cut;
}

/** Heads of one group that a workgroup takes: the largest divisor that fits. */
function headsTogether(group: number, headDim: number): number {
  let heads = Math.min(group, mostQueries, Math.floor(mostQueryValues / headDim));
  while (group % heads !== 0) heads--;
  return heads;
}

registerWgsl<AttentionInputs, AttentionAttributes>('AttsAttention', ({ q }, attributes) => {
  const backend = webGpu();
  const { cache, layer, rows, heads, scale, window } = attributes;
  const { kvHeads, headDim, pageSize, pages, dtype } = cache.shape;
  const T = rows.positions.length;
  const together = headsTogether(heads / kvHeads, headDim);
  const fitting = Math.floor(Math.min(mostQueries, mostQueryValues / headDim) / together);
  const blockRows = Math.max(1, Math.min(mostBlockRows, fitting));
  const { firstRows, longest } = cutOf(rows, blockRows);
  const blocks = firstRows.length - 1;
  const splits = Math.ceil(longest / splitPositions);
  const workgroups = blocks * (heads / together);
  const isSplit = splits > 1 && workgroups < enoughWorkgroups;
  const shape: AttentionShape = { heads, kvHeads, headDim, pageSize, dtype, together, blockRows, lanes: backend.lanes };
  const key = Object.values(shape).join(' ');

  const uniforms = backend.uniform([T, pages, window ?? 0, 0, isSplit ? 1 : splits, splits], { 3: scale });
  const integers = uploadRows(rows);
  const out = backend.output([T, heads * headDim]);
  const target = isSplit ? backend.scratch(T * heads * splits * headDim * 4) : out.buffer;
  const weights = isSplit ? backend.scratch(T * heads * splits * 8) : undefined;
  backend.dispatch(
    `attention ${key}${isSplit ? ' split' : ''}`,
    () => attentionCode(shape, isSplit),
    [
      ...[uniforms, integers, backend.upload(firstRows, () => firstRows)],
      ...[backend.buffer(q), layerBuffer(cache, layer), target, weights],
    ],
    [blocks, heads / together, isSplit ? splits : 1],
  );
  if (weights) {
    backend.dispatch(
      `attention join ${heads} ${headDim}`,
      () => joinCode(heads, headDim),
      [uniforms, integers, target, weights, out.buffer],
      [heads, T],
    );
    backend.release(target);
    backend.release(weights);
  }
  return out.info;
});
