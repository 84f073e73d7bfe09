/**
 * Loaded before the command line (`node --import`): once the file that ATTS_LOSE_AFTER names has something in it, every
 * device is lost at its next submit, as with a driver that does not come back.
 */
import { statSync } from 'node:fs';
import { globals } from 'webgpu';

const { GPUAdapter, GPUQueue } = globals as unknown as {
  GPUAdapter: { prototype: Pick<GPUAdapter, 'requestDevice'> };
  GPUQueue: { prototype: Pick<GPUQueue, 'submit'> };
};
const { requestDevice } = GPUAdapter.prototype;
const { submit } = GPUQueue.prototype;
let device: GPUDevice | undefined;

GPUAdapter.prototype.requestDevice = async function (descriptor) {
  device = await requestDevice.call(this, descriptor);
  return device;
};
GPUQueue.prototype.submit = function (buffers) {
  submit.call(this, buffers);
  const file = statSync(process.env.ATTS_LOSE_AFTER as string, { throwIfNoEntry: false });
  if (file && file.size > 0) device?.destroy();
};
