import { registerJob, simd, simdNames } from '../../backends/simd/index.js';
import { packLinear } from '../linear/index.js';
import { dtypeCode, preparedBytes, threadsFor } from '../linear/simd.js';
import { headPacker } from './index.js';
import type { TokenLogProbAttributes, TokenLogProbInputs } from './reference.js';

/** Vocabulary rows that a thread holds the logits of, for all T rows; simd.as.ts has the same. */
const tileRows = 256;

// The job cuts the vocabulary itself.
headPacker.register(simdNames, (values, V, d, dtype) => [packLinear(values, V, d, null, dtype)]);

registerJob<TokenLogProbInputs, TokenLogProbAttributes>('AttsTokenLogProb', (inputs, { ids, V, d, dtype }) => {
  const backend = simd();
  const { hidden, tile0: head } = inputs;
  const T = ids.length;
  const threads = threadsFor(T * V * d);
  const tiles = Math.ceil(V / tileRows);
  const [pairs, idsAt, targets, partial, logits, prepared, scales] = backend.scratch(
    ...[T * 16, T * 4, T * 4, tiles * T * 8, T * tileRows * 4 * threads],
    ...preparedBytes(dtype, T, d),
  );
  backend.heap.int32(idsAt, T).set(ids);
  const operands = [backend.pointer(hidden), T, d, backend.pointer(head), V, dtypeCode[dtype], idsAt];
  operands.push(pairs, targets, partial, logits, prepared, scales);
  backend.pool.run('tokenLogProb', operands, undefined, threads);
  const sums = new Float64Array(backend.heap.memory.buffer, pairs, 2 * T);
  const y = backend.output([T]);
  const values = backend.heap.float32(y.pointer, T);
  for (let t = 0; t < T; t++) values[t] = sums[2 * t] - Math.log(sums[2 * t + 1]);
  return y.info;
});
