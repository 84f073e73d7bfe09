import { type WeightDtype, weightDtypes } from '../kernels/ops/linear/index.js';
import type { Checkpoint, StoredDtype } from './checkpoint/checkpoint.js';
import { groupDtypes } from './checkpoint/gguf/blocks.js';

/** The dtype in which a stored one is kept with `auto`: the smallest that loses nothing. */
const kept: Readonly<Record<StoredDtype, WeightDtype>> = { F32: 'f32', F16: 'f32', BF16: 'bf16', ...groupDtypes };

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
    return weightDtypes.find((dtype) => each.includes(dtype)) as WeightDtype;
  };
}
