import type { WeightDtype } from '../kernels/ops/linear/index.js';
import type { Checkpoint, StoredDtype } from './checkpoint/checkpoint.js';

/**
 * The dtype in which a stored one is kept with `auto`. All but Q5_1, Q5_K and Q6_K lose nothing.
 */
const kept: Readonly<Record<StoredDtype, WeightDtype>> = {
  F32: 'f32',
  F16: 'f32',
  BF16: 'bf16',
  Q8_0: 'q8',
  Q5_0: 'q8',
  Q5_1: 'q8',
  Q5_K: 'q8',
  Q6_K: 'q8',
  Q4_0: 'q4',
  Q4_1: 'q4',
  Q4_K: 'q4',
};

const widest: readonly WeightDtype[] = ['f32', 'bf16', 'q8', 'q4'];

/**
 * A model of so few values stays in the processor's caches, where widening bfloat16 costs more than it saves: its
 * weights are widened once, to the same bits.
 */
const mostCachedValues = 8 * 2 ** 20;

/** How tensors that are kept in one matrix are kept: the widest of what each would be. */
export type KeptDtype = (...names: readonly string[]) => WeightDtype;

export function keptDtypes({ tensors }: Checkpoint, asked: WeightDtype | 'auto'): KeptDtype {
  if (asked !== 'auto') return () => asked;
  const values = [...tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const one = (name: string): WeightDtype => {
    const dtype = kept[tensors.get(name)?.dtype ?? 'F32'];
    return dtype === 'bf16' && values <= mostCachedValues ? 'f32' : dtype;
  };
  return (...names) => {
    const each = names.map(one);
    return widest.find((dtype) => each.includes(dtype)) as WeightDtype;
  };
}
