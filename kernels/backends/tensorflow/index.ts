/**
 * TensorFlow's own runtime as a tfjs backend, by the addon of @tensorflow/tfjs-node(-gpu). No kernel of ours can be
 * loaded through it: every op runs as its reference, a composition of TensorFlow's ops. These sum in an order that
 * depends on the other rows of a batch, so that tokens are not promised to repeat.
 */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { AttsError, firstLine } from '../../../src/errors.js';

const require = createRequire(import.meta.url);

/** The packages that bring it, in the order of choice. */
const packages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];

/** What is used here of the backend that they register. */
interface NodeBackend extends tf.KernelBackend {
  readonly binding: { readonly TF_Version: string };
  readonly isUsingGpuDevice: boolean;
}

/**
 * Loads the first of the packages that is there and loads, which registers the backend.
 * @throws AttsError `engine` where none does, saying what to install
 */
export function registerTensorflow(names: readonly string[] = packages): void {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'; // its notes on the processor
  restoreUtil();
  const failures: string[] = [];
  for (const name of names.filter(isInstalled)) {
    try {
      require(name);
      return;
    } catch (error) {
      failures.push(`${name} is installed but does not load (${firstLine(error)}); install it again`);
    }
  }
  const missing = `neither ${names.join(' nor ')} is installed; run npm install @tensorflow/tfjs-node (-gpu with CUDA)`;
  throw new AttsError('engine', `--backend tensorflow: ${failures[0] ?? missing}, or use --backend simd`);
}

/** Release of the library and its device: with these the last bits change. */
export function tensorflowBuild(): string {
  const { binding, isUsingGpuDevice } = tf.findBackend('tensorflow') as NodeBackend;
  return `tensorflow-${binding.TF_Version} ${isUsingGpuDevice ? 'GPU' : 'CPU'}`;
}

function isInstalled(name: string): boolean {
  try {
    require.resolve(`${name}/package.json`);
    return true;
  } catch {
    return false;
  }
}

/** tfjs-node 4.22 calls what Node 22 warns of and Node 23 took away. */
function restoreUtil(): void {
  const isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  Object.assign(require('node:util') as object, { isNullOrUndefined, isArray: Array.isArray });
}
