import { expect } from 'chai';
import fc from 'fast-check';
import { matMulModel } from '../../src/bench/peers/onnx-model.js';
import { bytes, float, integer, message, text } from '../../src/bench/peers/protobuf.js';
import { randomCheckpoint, smolLm2Shape } from '../../src/bench/random-checkpoint.js';

const hex = (chunks: readonly Uint8Array[]) => Buffer.concat(chunks).toString('hex');

describe("files for other implementations' benchmarks", () => {
  it('are written as the examples of the wire format say', () => {
    // https://protobuf.dev/programming-guides/encoding
    expect(hex(integer(1, 150))).to.equal('089601');
    expect(hex(text(2, 'testing'))).to.equal('120774657374696e67');
    expect(hex(message(3, [integer(1, 150)]))).to.equal('1a03089601');
    expect(hex(float(2, 1))).to.equal('150000803f');
    expect(hex(bytes(9, new Uint8Array(300)).slice(0, 2))).to.equal('4aac02');
  });

  it('hold the weights as they are', () => {
    const weights = Float32Array.from({ length: 12 }, (_, i) => i - 5.5);
    const model = Buffer.from(matMulModel(2, 4, 3, weights));
    expect(model.indexOf(Buffer.from(weights.buffer))).to.be.above(0);
  });
});

describe('random weights', () => {
  it('are the same whether a tensor is read whole or by rows', () => {
    const shape = { ...smolLm2Shape, vocab_size: 50, hidden_size: 18, num_hidden_layers: 1 };
    const { tensors } = randomCheckpoint('small', shape);
    fc.assert(
      fc.property(
        fc.constantFrom(...tensors.values()),
        fc.nat(17),
        fc.integer({ min: 1, max: 17 }),
        (tensor, first, some) => {
          const [rows, width = 1] = tensor.shape;
          const from = first % rows;
          const count = Math.min(some, rows - from);
          const part = tensor.read().slice(from * width, (from + count) * width);
          expect([...tensor.read(from, count)]).to.deep.equal([...part]);
        },
      ),
    );
  });
});
