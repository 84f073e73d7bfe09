import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import type { StockName } from './names.js';
import { registerTensorflow, tensorflowBuild } from './tensorflow/index.js';

/** Loads the package that brings a backend, which registers it. @throws AttsError `engine` where it is not installed */
export async function registerStock(name: StockName): Promise<void> {
  if (name === 'wasm') {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    const entry = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
    setWasmPaths(entry.slice(0, entry.lastIndexOf('/') + 1));
  } else if (name === 'tensorflow') {
    registerTensorflow();
  } else {
    await import('@tensorflow/tfjs-backend-cpu');
  }
}

/** What decides a stock backend's last bits beside the release of tfjs and our references. */
export function stockBuild(name: string): string {
  if (name === 'wasm') return tf.env().getBool('WASM_HAS_SIMD_SUPPORT') ? 'with-simd' : 'without-simd';
  return name === 'tensorflow' ? tensorflowBuild() : '';
}
