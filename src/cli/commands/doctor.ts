import type { CommandModule } from 'yargs';
import { type BackendState, type DoctorReport, examineMachine, isOnGpu } from '../../index.js';

export const doctorCommand: CommandModule = {
  command: 'doctor',
  describe: 'What this machine has, which backends work on it, and what would make it faster',
  builder: (cli) =>
    cli.option('json', { type: 'boolean', default: false, describe: 'One JSON document on standard output' }),
  async handler(argv) {
    const report = await examineMachine();
    process.stdout.write(argv.json ? `${JSON.stringify(report, null, 2)}\n` : `${describe(report)}\n`);
    const chosen = report.backends.find(({ name }) => name === report.automatic.name);
    if (chosen?.state !== 'passed') process.exitCode = 1;
  },
};

function describe({ machine, kernels, roofs, backends, automatic, advice }: DoctorReport): string {
  const { cpu, cores, usableCores, memoryGiB, freeGiB, platform, arch, node } = machine;
  const processors = usableCores < cores ? `${usableCores} of ${cores} processors` : `${cores} processors`;
  return [
    `machine    ${cpu}, ${processors}, ${memoryGiB} GiB (${freeGiB} free), ${platform} ${arch}, Node ${node}`,
    `kernels    ${kernels.build}, WebAssembly SIMD of 128 bits on ${kernels.threads} threads`,
    `limits     ${roofs.bandwidth.toFixed(1)} GB/s read, ${roofs.peak.toFixed(0)} GFLOP/s multiplied and added`,
    '',
    ...backends.map(line),
    '',
    `automatic  ${automatic.name}: ${automatic.why}`,
    ...advice.map((line, i) => `${i === 0 ? 'faster    ' : '          '} ${line}`),
  ].join('\n');
}

function line(backend: BackendState): string {
  const head = `${backend.name.padEnd(10)} ${backend.state.padEnd(8)} `;
  if (backend.state === 'unusable') return `${head} ${backend.why.replace(/^--backend \S+: /, '')}`;
  const { build, tokens, largestError } = backend;
  const note = backend.name === 'webgpu' && !isOnGpu(backend) ? '; a processor in the place of a GPU, slow' : '';
  return `${head} ${build}; ${tokens} log-probabilities within ${largestError.toExponential(0)} nats${note}`;
}
