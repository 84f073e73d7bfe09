import type { RopeConfig } from './families/decoder-config.js';

/**
 * Radians a position of every pair of a head: θ^(−2i/headDim), scaled for long contexts as the checkpoint asks.
 * @returns [headDim/2]
 */
export function rotaryFrequencies({ theta, scaling }: RopeConfig, headDim: number): Float64Array {
  return Float64Array.from({ length: headDim / 2 }, (_, i) => {
    const frequency = theta ** ((-2 * i) / headDim);
    if (scaling.kind === 'none') return frequency;
    if (scaling.kind === 'linear') return frequency / scaling.factor;
    // llama3: long waves are slowed by the factor, short ones kept, those between interpolated.
    const wavelengths = (scaling.originalContextLength * frequency) / (2 * Math.PI);
    const { lowFrequencyFactor: low, highFrequencyFactor: high, factor } = scaling;
    const kept = Math.min(1, Math.max(0, (wavelengths - low) / (high - low)));
    return kept * frequency + ((1 - kept) * frequency) / factor;
  });
}
