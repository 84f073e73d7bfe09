import { AttsError } from '../src/errors.js';
import type { RopeConfig, YarnScaling } from './families/decoder-config.js';

/**
 * Radians a position of every pair of a head: θ^(−2i/headDim), scaled for long contexts as the checkpoint asks.
 * @returns [headDim/2]
 */
export function rotaryFrequencies({ theta, scaling }: RopeConfig, headDim: number): Float64Array {
  if (scaling.kind === 'divisors' && scaling.divisors.length !== headDim / 2) {
    throw new AttsError('checkpoint', `${scaling.divisors.length} rope divisors do not fit heads of ${headDim}`);
  }
  const ramp = scaling.kind === 'yarn' ? yarnRamp(scaling, theta, headDim) : null;
  return Float64Array.from({ length: headDim / 2 }, (_, i) => {
    const frequency = theta ** ((-2 * i) / headDim);
    if (scaling.kind === 'none') return frequency;
    if (scaling.kind === 'linear') return frequency / scaling.factor;
    if (scaling.kind === 'divisors') return frequency / scaling.divisors[i];
    const kept = ramp ? ramp(i) : keptOfLlama3(scaling as Llama3Scaling, frequency);
    return kept * frequency + ((1 - kept) * frequency) / scaling.factor;
  });
}

/** Multiplies rotated queries and keys alike; 1 but for yarn. */
export function rotaryGain({ scaling }: RopeConfig): number {
  return scaling.kind === 'yarn' ? scaling.attentionFactor : 1;
}

type Llama3Scaling = Extract<RopeConfig['scaling'], { kind: 'llama3' }>;

/** Long waves are slowed by the factor, short ones kept, those between interpolated. */
function keptOfLlama3(scaling: Llama3Scaling, frequency: number): number {
  const wavelengths = (scaling.originalContextLength * frequency) / (2 * Math.PI);
  const { lowFrequencyFactor: low, highFrequencyFactor: high } = scaling;
  return Math.min(1, Math.max(0, (wavelengths - low) / (high - low)));
}

/** The same along the dimensions (YaRN, arXiv 2309.00071, section 3.2): those that turn often enough are kept. */
function yarnRamp(scaling: YarnScaling, theta: number, headDim: number): (i: number) => number {
  const { originalContextLength, betaFast, betaSlow, truncate } = scaling;
  // The dimension whose frequency turns so often within the original context.
  const dimension = (turns: number) =>
    (headDim * Math.log(originalContextLength / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [fast, slow] = [dimension(betaFast), dimension(betaSlow)];
  const low = Math.max(0, truncate ? Math.floor(fast) : fast);
  const high = Math.min(headDim - 1, truncate ? Math.ceil(slow) : slow);
  return (i) => 1 - Math.min(1, Math.max(0, (i - low) / Math.max(0.001, high - low)));
}
