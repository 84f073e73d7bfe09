/**
 * A llama as transformers.js wants it: a folder with config.json and onnx/model.onnx. The graph is made of the fused
 * operators that exporters take for ONNX Runtime (com.microsoft: GroupQueryAttention with the rotation inside,
 * SkipSimplifiedLayerNormalization); what it gives are the logits of all rows and the grown caches.
 */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint } from '../../../models/checkpoint/checkpoint.js';
import { familyOf } from '../../../models/families/index.js';
import type { LlamaShape } from '../random-checkpoint.js';
import { initializer, type NodeOptions, node, onnxModel, valueInfo } from './onnx-model.js';
import type { Chunks } from './protobuf.js';

const microsoft = 'com.microsoft';

/** Positions of the rotation's tables: a bench has no more. */
const mostPositions = 1024;

export function writeOnnxLlama(folder: string, checkpoint: Checkpoint, config: LlamaShape): void {
  mkdirSync(join(folder, 'onnx'), { recursive: true });
  // Without an end of text, so that as many tokens are written as are asked for.
  const { eos_token_id: _, ...own } = config;
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...own, architectures: ['LlamaForCausalLM'] }));
  const file = openSync(join(folder, 'onnx', 'model.onnx'), 'w');
  try {
    for (const chunk of llamaGraph(checkpoint, config)) {
      for (let done = 0; done < chunk.byteLength; ) done += writeSync(file, chunk, done);
    }
  } finally {
    closeSync(file);
  }
}

function llamaGraph({ tensors }: Checkpoint, config: LlamaShape): Chunks {
  const { hidden_size: d, num_attention_heads: heads, num_key_value_heads: kvHeads, vocab_size: V } = config;
  const headDim = d / heads;
  const names = familyOf(config).weightNames(config);
  const nodes: Chunks[] = [];
  const constants: Chunks[] = [];
  const values: Chunks[] = [];
  const weight = (name: string) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`${name} is missing`);
    constants.push(initializer(name, 'float32', tensor.shape, tensor.read()));
    return name;
  };
  const add = (operator: string, inputs: readonly string[], outputs: readonly string[], options?: NodeOptions) => {
    nodes.push(node(operator, inputs, outputs, options));
    return outputs[0];
  };
  // The runtime turns constants over once, when it loads them.
  const product = (x: string, w: string, y: string) => add('MatMul', [x, add('Transpose', [w], [`${w}.T`])], [y]);
  const norm = { floats: { epsilon: config.rms_norm_eps } };
  const skipNorm = { ...norm, domain: microsoft };

  constants.push(
    initializer('one', 'int64', [1], BigInt64Array.of(1n)),
    initializer('at 1', 'int64', [], BigInt64Array.of(1n)),
    ...rotation(headDim, config.rope_theta),
  );
  values.push(
    valueInfo('input', 'input_ids', 'int64', ['batch_size', 'sequence_length']),
    valueInfo('input', 'attention_mask', 'int64', ['batch_size', 'total_sequence_length']),
    valueInfo('output', 'logits', 'float32', ['batch_size', 'sequence_length', V]),
  );
  add('ReduceSum', ['attention_mask', 'one'], ['lengths'], { integers: { keepdims: 0 } });
  add('Cast', [add('Sub', ['lengths', 'one'], ['last'])], ['seqlens'], { integers: { to: 6 } });
  add('Cast', [add('Gather', [add('Shape', ['attention_mask'], ['sizes']), 'at 1'], ['length'])], ['total'], {
    integers: { to: 6 },
  });

  let residual = add('Gather', [weight(names.embedding), 'input_ids'], ['embedded']);
  let x = '';
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const own = names.layer(layer);
    const at = (name: string) => `${layer}.${name}`;
    const [past, present] = [`past_key_values.${layer}`, `present.${layer}`];
    for (const part of ['key', 'value']) {
      values.push(
        valueInfo('input', `${past}.${part}`, 'float32', ['batch_size', kvHeads, 'past_sequence_length', headDim]),
        valueInfo('output', `${present}.${part}`, 'float32', ['batch_size', kvHeads, 'total_sequence_length', headDim]),
      );
    }
    if (layer === 0) x = add('SimplifiedLayerNormalization', [residual, weight(own.inputNorm)], [at('x')], norm);
    const qkv = [own.q, own.k, own.v].map((w) => product(x, weight(w), `${w} x`));
    const seen = [`${past}.key`, `${past}.value`, 'seqlens', 'total', 'cos', 'sin'];
    add('GroupQueryAttention', [...qkv, ...seen], [at('attended'), `${present}.key`, `${present}.value`], {
      domain: microsoft,
      integers: { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1 },
    });
    const attended = product(at('attended'), weight(own.o), at('o'));
    const between = [at('between'), '', '', at('after attention')];
    const y = add('SkipSimplifiedLayerNormalization', [attended, residual, weight(own.mlpNorm)], between, skipNorm);
    const [gate, up] = [own.gate, own.up].map((w) => product(y, weight(w), `${w} x`));
    const gated = add(
      'Mul',
      [add('Mul', [gate, add('Sigmoid', [gate], [at('sigmoid')])], [at('silu')]), up],
      [at('act')],
    );
    const down = product(gated, weight(own.down), at('down'));
    const next = layer + 1 < config.num_hidden_layers ? names.layer(layer + 1).inputNorm : names.finalNorm;
    const after = [at('after'), '', '', at('after mlp')];
    x = add('SkipSimplifiedLayerNormalization', [down, at('after attention'), weight(next)], after, skipNorm);
    residual = at('after mlp');
  }
  product(x, names.embedding, 'logits');
  return onnxModel('llama', [...nodes, ...constants, ...values], { '': 17, [microsoft]: 1 });
}

/** cos and sin of position · θ^(−2i / headDim), [positions, headDim / 2]. */
function rotation(headDim: number, theta: number): Chunks[] {
  const half = headDim / 2;
  const of = (f: (angle: number) => number) =>
    Float32Array.from({ length: mostPositions * half }, (_, at) =>
      f(Math.floor(at / half) * theta ** (-(at % half) / half)),
    );
  return (['cos', 'sin'] as const).map((name) => initializer(name, 'float32', [mostPositions, half], of(Math[name])));
}
