/** The decoder's ops as WGSL programs: importing this registers them. */
import '../../ops/attention/webgpu.js';
import '../../ops/embedding/webgpu.js';
import '../../ops/gated-mlp/webgpu.js';
import '../../ops/linear/webgpu.js';
import '../../ops/rms-norm/webgpu.js';
import '../../ops/rope/webgpu.js';
import '../../ops/sample/webgpu.js';
import '../../ops/take-rows/webgpu.js';
import '../../ops/token-log-prob/webgpu.js';
