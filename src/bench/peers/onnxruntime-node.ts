import { openOnnxRuntime } from './onnxruntime.js';
import { serve } from './serve.js';

await serve((options) => openOnnxRuntime('onnxruntime-node', options));
