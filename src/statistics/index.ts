/** Statistics that know nothing of models, runs or rules. */
export { type BootstrapOptions, clusteredBootstrap, mean } from './bootstrap.js';
export { kolmogorovSmirnovTwoSample, kolmogorovSmirnovUniform } from './kolmogorov-smirnov.js';
export { median, quantile } from './quantile.js';
