import { AttsError } from '../src/errors.js';
import type { Checkpoint } from './checkpoint/checkpoint.js';
import type { DecoderConfig, DecoderWeightNames } from './families/decoder-config.js';

/** The tensors that a configuration asks for, with their shapes, one after another. */
export function* expectedShapes(
  config: DecoderConfig,
  names: DecoderWeightNames,
): Generator<[string, readonly number[]]> {
  const { hiddenSize: d, headDim: h, heads: H, kvHeads: G, intermediateSize: f, vocabSize: V } = config;
  yield [names.embedding, [V, d]];
  yield [names.finalNorm, [d]];
  if (names.head) yield [names.head, [V, d]];
  const [query, keyValue] = [H * h, G * h];
  const shapes = {
    ...{ inputNorm: [d], q: [query, d], k: [keyValue, d], v: [keyValue, d], o: [d, query] },
    ...{ qBias: [query], kBias: [keyValue], vBias: [keyValue], oBias: [d], qNorm: [h], kNorm: [h] },
    ...{ attentionOutputNorm: [d], mlpNorm: [d], mlpOutputNorm: [d] },
    ...{ gate: [f, d], up: [f, d], down: [d, f], gateBias: [f], upBias: [f], downBias: [d] },
  };
  for (let index = 0; index < config.layers; index++) {
    const layer = names.layer(index);
    for (const [part, shape] of Object.entries(shapes) as [keyof typeof shapes, number[]][]) {
      const name = layer[part];
      if (name) yield [name, shape];
    }
  }
}

/**
 * Holds a checkpoint's tensors against its configuration before any is read.
 * @returns parameters, tied ones counted once
 * @throws AttsError `checkpoint` for a missing or misshapen tensor
 */
export function checkShapes({ tensors, folder }: Checkpoint, config: DecoderConfig, names: DecoderWeightNames): number {
  let parameters = 0;
  for (const [name, shape] of expectedShapes(config, names)) {
    const found = tensors.get(name)?.shape;
    if (!found) throw new AttsError('checkpoint', `${folder}: no tensor ${name}, which its configuration asks for`);
    if (found.join() !== shape.join()) {
      const wanted = shape.join(' × ');
      throw new AttsError(
        'checkpoint',
        `${folder}: ${name} is ${found.join(' × ')}, but its configuration makes it ${wanted}`,
      );
    }
    parameters += shape.reduce((a, b) => a * b, 1);
  }
  return parameters;
}
