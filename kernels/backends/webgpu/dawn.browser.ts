/** A browser has its own WebGPU or none. */
import { AttsError } from '../../../src/errors.js';
import type * as node from './dawn.js';

export const openDawn: typeof node.openDawn = async () => {
  throw new AttsError('engine', 'this browser has no WebGPU; use simd');
};

export const dawnRelease: typeof node.dawnRelease = () => '';
