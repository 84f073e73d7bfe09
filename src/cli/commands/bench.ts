import type { CommandModule } from 'yargs';
import {
  AttsError,
  type BenchReport,
  benchedParts,
  benchGpu,
  describeMachine,
  drawSvg,
  type GpuBench,
  limitsFigure,
  runBench,
  writeFileAtomic,
} from '../../index.js';
import { engineFlags, engineOptions } from '../engine-flags.js';
import { table } from '../format.js';
import { jsonFlag } from '../json-flag.js';

export const benchCommand: CommandModule = {
  command: 'bench',
  describe: 'Time every op and a whole model against the limits of this machine, and others beside them',
  builder: (cli) =>
    cli.options({
      ops: { type: 'string', requiresArg: true, describe: `Some of ${benchedParts.join(',')} [all]` },
      backend: { choices: ['simd', 'webgpu'], default: 'simd', describe: 'Which kernels: of the CPU, or of the GPU' },
      threads: engineFlags.threads,
      peers: { type: 'string', requiresArg: true, describe: 'Folder with the peers (make bench-peers installs them)' },
      figure: { type: 'string', requiresArg: true, describe: 'File for a figure (SVG): what is reached of the limits' },
      out: { type: 'string', requiresArg: true, describe: 'File for the JSON document' },
      json: jsonFlag,
    }),
  async handler(argv) {
    const ops = argv.ops === undefined ? benchedParts : String(argv.ops).split(',');
    const unknown = ops.find((op) => !benchedParts.includes(op));
    if (unknown !== undefined) throw new AttsError('usage', `--ops: ${unknown} is none of ${benchedParts.join(', ')}`);
    const { threads } = engineOptions(argv);
    const onResult = ({ op, dtype, rows }: { op: string; dtype: string; rows: number }) =>
      process.stderr.write(`${op} ${dtype}, ${rows} rows\n`);
    if (argv.backend === 'webgpu') {
      const onSkipped = ({ op, dtype, rows, why }: GpuBench['skipped'][number]) =>
        process.stderr.write(`${op} ${dtype}, ${rows} rows: left out, ${why}\n`);
      const gpu = await benchGpu({ ops, onResult, onSkipped });
      const document = `${JSON.stringify({ schema: 'atts.gpu-bench/1', machine: describeMachine(), ...gpu }, null, 2)}\n`;
      if (argv.out) writeFileAtomic(argv.out as string, document);
      process.stdout.write(argv.json ? document : `${describeGpu(gpu)}\n`);
      return;
    }
    const report = await runBench({ ops, threads, peers: argv.peers as string | undefined, onResult });
    const document = `${JSON.stringify({ schema: 'atts.bench/1', machine: describeMachine(), ...report }, null, 2)}\n`;
    if (argv.out) writeFileAtomic(argv.out as string, document);
    if (argv.figure) writeFileAtomic(argv.figure as string, await drawSvg(limitsFigure(report)));
    process.stdout.write(argv.json ? document : `${describe(report)}\n`);
  },
};

function describeGpu({ build, isSoftware, roofs, results, skipped, fusions }: GpuBench): string {
  return [
    build,
    ...(isSoftware ? ['a software adapter: no figures of a GPU'] : []),
    `read bandwidth ${roofs.bandwidth.toFixed(1)} GB/s, multiply-add peak ${roofs.peak.toFixed(1)} GFLOP/s`,
    '',
    resultsTable(results),
    '',
    table([
      ['fused', 'shape', 'ms', 'MB', 'unfused ms', 'MB', 'ratio'],
      ...fusions.map(({ op, shape, fusedMs, fusedBytes, unfusedMs, unfusedBytes, ratio }) => [
        ...[op, shape, fusedMs.toPrecision(3), (fusedBytes / 1e6).toFixed(1)],
        ...[unfusedMs.toPrecision(3), (unfusedBytes / 1e6).toFixed(1), ratio.toFixed(2)],
      ]),
    ]),
    ...(skipped.length > 0 ? ['', skippedTable(skipped)] : []),
  ].join('\n');
}

function skippedTable(skipped: GpuBench['skipped']): string {
  const rows = skipped.map(({ op, dtype, rows, shape, why }) => [op, dtype, String(rows), shape, why]);
  return table([['left out', 'dtype', 'rows', 'shape', 'because'], ...rows]);
}

function resultsTable(results: BenchReport['results']): string {
  const rows = results.map(({ op, dtype, rows, shape, ms, gflops, gbs, limit, roof, ratio }) => [
    ...[op, dtype, String(rows), shape, ms.toPrecision(3), gflops.toFixed(1), gbs.toFixed(1)],
    ...[limit === 'bandwidth' ? `${roof.toFixed(1)} GB/s` : `${roof.toFixed(0)} GFLOP/s`, ratio.toFixed(2)],
  ]);
  return table([['op', 'dtype', 'rows', 'shape', 'ms', 'GFLOP/s', 'GB/s', 'roof', 'of it'], ...rows]);
}

function describe({ build, threads, roofs, opMicroseconds, results, peers }: BenchReport): string {
  const { cpu } = describeMachine();
  const lines = [
    `${cpu}, ${threads} threads, ${build}`,
    `read bandwidth ${roofs.bandwidth.toFixed(1)} GB/s, multiply-add peak ${roofs.peak.toFixed(1)} GFLOP/s (each case has those beside it), a job ${roofs.dispatchMicroseconds.toFixed(2)} µs`,
    ...(roofs.integers
      ? [
          `int8 weights × 16-bit activations: ${roofs.integers.products.toFixed(1)} GFLOP/s in registers, ${roofs.integers.peak.toFixed(1)} with loads, widening and scales in the first cache`,
        ]
      : []),
    `one row of 4-bit weights: ${roofs.oneRow.products.toFixed(1)} GFLOP/s in registers, ${roofs.oneRow.peak.toFixed(1)} with loads, scales and minima in the first cache`,
    ...(opMicroseconds === null
      ? []
      : [`an op in a forward pass ${opMicroseconds.toFixed(1)} µs beside its arithmetic`]),
    '',
    resultsTable(results),
  ];
  if (peers.length > 0) {
    const head = ['peer', 'version', 'threads', 'case', 'ours', 'theirs', 'unit', 'ratio'];
    const told = peers.map(({ peer, version, threads: own, case: what, ours, theirs, unit, ratio }) => [
      ...[peer, version, String(own), what, ours.toPrecision(3), theirs.toPrecision(3), unit, ratio.toFixed(2)],
    ]);
    lines.push('', table([head, ...told]));
  }
  return lines.join('\n');
}
