import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { openGpu } from '../../kernels/backends/webgpu/adapter.js';
import { openDawn } from '../../kernels/backends/webgpu/dawn.browser.js';

const at = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** What `atts generate --backend webgpu` ends with. */
function generate(environment: Record<string, string>, ...node: string[]) {
  const args = ['generate', '--model', 'abacus-llama-0.4m', '--prompt', 'Add 3.', '--backend', 'webgpu'];
  const env = { ...process.env, ...environment };
  const main = at('../../src/cli/main.js');
  const { status, stderr, stdout } = spawnSync(process.execPath, [...node, main, ...args], { encoding: 'utf8', env });
  return { status, stderr, stdout };
}

describe('--backend webgpu', () => {
  it('says in one line that there is no adapter, and what to do', function () {
    // Where there is no Vulkan, Metal and Direct3D would answer.
    if (process.platform !== 'linux') this.skip();
    const { status, stderr, stdout } = generate({ VK_ICD_FILENAMES: '/no/driver', VK_DRIVER_FILES: '/no/driver' });
    expect(stderr).to.match(/^atts: --backend webgpu: no GPU adapter .* use --backend simd\n$/);
    expect({ status, stdout }).to.deep.equal({ status: 1, stdout: '' });
  });

  for (const [code, says] of [
    ['ERR_MODULE_NOT_FOUND', /is not installed; run npm install webgpu@0\.6, or use --backend simd\n$/],
    ['ERR_DLOPEN_FAILED', /does not load \(no such symbol\); install it again, or use --backend simd\n$/],
  ] as const) {
    it(`says in one line that the package webgpu ${says.source.slice(0, 16)}`, () => {
      const { status, stderr, stdout } = generate({ CODE: code }, '--import', at('./without-webgpu.js'));
      expect(stderr)
        .to.match(/^atts: --backend webgpu: the package webgpu \(Dawn\) .*\n$/)
        .and.match(says);
      expect({ status, stdout }).to.deep.equal({ status: 1, stdout: '' });
    });
  }
});

describe('the GPU of a browser', () => {
  const own = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  afterEach(() => {
    if (own) Object.defineProperty(globalThis, 'navigator', own);
    else Reflect.deleteProperty(globalThis, 'navigator');
  });

  const failure = async (requestAdapter: () => Promise<unknown>): Promise<string> => {
    Object.defineProperty(globalThis, 'navigator', { value: { gpu: { requestAdapter } }, configurable: true });
    const error = await openGpu().catch((cause: Error) => cause);
    return (error as Error).message;
  };

  it('is asked for a device with all its limits; what it refuses is told in one line', async () => {
    expect(await failure(async () => null)).to.match(/no GPU adapter was found/);
    const adapter = {
      ...{ features: new Set(['shader-f16']), limits: { maxBufferSize: 7 }, info: { description: 'Some GPU' } },
      async requestDevice({ requiredFeatures, requiredLimits }: GPUDeviceDescriptor) {
        expect([...(requiredFeatures ?? [])]).to.deep.equal(['shader-f16']);
        expect(requiredLimits).to.include({ maxBufferSize: 7 });
        throw new Error('too many devices\n    at a place for its makers');
      },
    };
    expect(await failure(async () => adapter)).to.equal(
      '--backend webgpu: Some GPU gives no device (too many devices); update its driver, or use --backend simd',
    );
  });

  it('may be missing, which is one line', async () => {
    const error = await openDawn().catch((cause: Error) => cause);
    expect((error as Error).message).to.equal('this browser has no WebGPU; use simd');
  });
});
