import type { ModelShape } from './pass-cost.js';

const headDim = 128;

/** Dimensions of published models, from their config.json. */
export const modelShapes: Readonly<Record<string, ModelShape>> = {
  'qwen2.5-1.5b': {
    layers: 28,
    hiddenSize: 1536,
    intermediateSize: 8960,
    heads: 12,
    kvHeads: 2,
    headDim,
    vocabSize: 151_936,
  },
  'qwen2.5-7b': {
    layers: 28,
    hiddenSize: 3584,
    intermediateSize: 18_944,
    heads: 28,
    kvHeads: 4,
    headDim,
    vocabSize: 152_064,
  },
  'qwq-32b': {
    layers: 64,
    hiddenSize: 5120,
    intermediateSize: 27_648,
    heads: 40,
    kvHeads: 8,
    headDim,
    vocabSize: 152_064,
  },
  'llama-3.1-8b': {
    layers: 32,
    hiddenSize: 4096,
    intermediateSize: 14_336,
    heads: 32,
    kvHeads: 8,
    headDim,
    vocabSize: 128_256,
  },
  'llama-3.1-70b': {
    layers: 80,
    hiddenSize: 8192,
    intermediateSize: 28_672,
    heads: 64,
    kvHeads: 8,
    headDim,
    vocabSize: 128_256,
  },
};
