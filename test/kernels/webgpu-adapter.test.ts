import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

describe('--backend webgpu', () => {
  it('says in one line that there is no adapter, and what to do', function () {
    // Where there is no Vulkan, Metal and Direct3D would answer.
    if (process.platform !== 'linux') this.skip();
    const args = ['generate', '--model', 'abacus-llama-0.4m', '--prompt', 'Add 3.', '--backend', 'webgpu'];
    const env = { ...process.env, VK_ICD_FILENAMES: '/no/driver.json', VK_DRIVER_FILES: '/no/driver.json' };
    const { status, stderr, stdout } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', env });
    expect(stdout).to.equal('');
    expect(stderr.trim().split('\n').at(-1)).to.match(/^atts: --backend webgpu: no GPU adapter .* use --backend simd$/);
    expect(status).to.equal(1);
  });
});
