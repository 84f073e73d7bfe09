/**
 * The boundary to TensorFlow.js: the only file that casts between its loose kernel types and ours.
 *
 * An op is a registered tfjs kernel. `defineKernel` registers its reference (a composition of stock ops) for the stock
 * backends and gives back the typed call that runs it on whatever backend is active; a faster backend registers its own
 * kernel under the same name with `registerFor`.
 */
import * as tf from '@tensorflow/tfjs-core';
import { stockNames } from './backends/names.js';

export type Tensors = Record<string, tf.Tensor>;
export type KernelBody<I extends Tensors, A> = (inputs: I, attrs: A) => tf.TensorInfo;

/** Registers `body` as kernel `name` of some backends, in place of those registered before. */
export function registerFor<I extends Tensors, A>(
  backendNames: readonly string[],
  name: string,
  body: KernelBody<I, A>,
): void {
  for (const backendName of backendNames) {
    if (tf.getKernel(name, backendName)) tf.unregisterKernel(name, backendName);
    tf.registerKernel({
      kernelName: name,
      backendName,
      kernelFunc: ({ inputs, attrs }) => body(inputs as unknown as I, attrs as unknown as A),
    });
  }
}

export function defineKernel<I extends Tensors, A>(
  name: string,
  reference: KernelBody<I, A>,
): (inputs: I, attrs: A) => tf.Tensor {
  const tidied: KernelBody<I, A> = (inputs, attrs) => tf.tidy(() => reference(inputs, attrs) as tf.Tensor);
  registerFor(stockNames, name, tidied);
  return (inputs, attrs) => {
    // tfjs takes no input that is missing.
    const present: Tensors = {};
    for (const input in inputs) if (inputs[input] !== undefined) present[input] = inputs[input];
    return tf.engine().runKernel(name, present, attrs as unknown as tf.NamedAttrMap) as tf.Tensor;
  };
}

/** Something that a backend may bring its own of (how weights are packed, where a cache lies); else the stock one. */
export class PerBackend<T> {
  private readonly stock: T;
  private readonly own = new Map<string, T>();

  constructor(stock: T) {
    this.stock = stock;
  }

  register(backendNames: readonly string[], own: T): void {
    for (const name of backendNames) this.own.set(name, own);
  }

  /** Of the backend that is active now. */
  get active(): T {
    return this.own.get(tf.getBackend()) ?? this.stock;
  }
}

/** How values leave a backend; one that computes elsewhere brings its own, so that several tensors come at once. */
export const reader = new PerBackend<(tensors: readonly tf.Tensor[]) => Promise<tf.TypedArray[]>>((tensors) =>
  Promise.all(tensors.map((tensor) => tensor.data())),
);

/** Values of tensors of the active backend, copied out of it; the pass that makes them is over then. */
export function readAll(tensors: readonly tf.Tensor[]): Promise<tf.TypedArray[]> {
  return reader.active(tensors);
}

/** Compiles what the body will run, where a backend compiles before it runs; the body's tensors hold nothing then. */
export const compileAhead = new PerBackend<(body: () => void) => Promise<void>>(async () => {});

/** Values of a float32 tensor, copied out of the backend; one that computes elsewhere cannot do so at once. */
export function toFloat32(tensor: tf.Tensor): Float32Array {
  return tensor.dataSync() as Float32Array;
}
