/** The decoder's ops as jobs of the thread pool: importing this registers them. */
import '../../ops/attention/simd.js';
import '../../ops/embedding/simd.js';
import '../../ops/gated-mlp/simd.js';
import '../../ops/linear/simd.js';
import '../../ops/rms-norm/simd.js';
import '../../ops/rope/simd.js';
import '../../ops/sample/simd.js';
import '../../ops/take-rows/simd.js';
import '../../ops/token-log-prob/simd.js';
