import type { CommandModule } from 'yargs';
import {
  describeMachine,
  gpuLimits,
  gpuRoofs,
  inspectModel,
  isOnGpu,
  type KnownGpuLimits,
  type KnownLimits,
  type ModelProfile,
  type ModelReport,
  machineLimits,
  median,
  openEngine,
  profileModel,
  writeFileAtomic,
} from '../../index.js';
import { engineFlags, engineOptions } from '../engine-flags.js';
import { table } from '../format.js';

export const profileCommand: CommandModule = {
  command: 'profile <model>',
  describe: 'Time decode steps and scores of one model at several numbers of rows',
  builder: (cli) =>
    cli
      .positional('model', { type: 'string', demandOption: true, describe: 'Embedded name, folder or .gguf file' })
      .options(engineFlags)
      .option('out', {
        type: 'string',
        requiresArg: true,
        describe: 'File for the JSON document (atts simulate reads it)',
      })
      .option('measure-limits', {
        type: 'boolean',
        default: false,
        describe: 'Measure the limits of the machine again, which are else taken from the cache',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on standard output' }),
  async handler(argv) {
    const spec = argv.model as string;
    const options = engineOptions(argv);
    const report = inspectModel(spec, options);
    const { backend = 'auto', threads } = options;
    // What is predicted from the processor's limits is for our own kernels on it.
    const isElsewhere = backend === 'webgpu' || backend === 'tensorflow';
    const again = argv['measure-limits'] as boolean;
    const limits = isElsewhere ? undefined : await machineLimits(backend, threads, again);
    const gpu = backend === 'webgpu' ? await gpuLimits(again) : undefined;
    const engine = await openEngine(spec, options);
    try {
      const profile = await profileModel(engine, {
        ...{ shape: report, weightBytes: report.weightBytes, cacheBytesPerToken: report.cacheBytesPerToken },
        ...{ threads, limits, roofs: gpu && gpuRoofs(gpu), keptAs: keptAs(report) },
        // A processor that stands for a GPU takes seconds for a pass of many rows.
        ...(gpu && !isOnGpu({ name: 'webgpu', build: gpu.build }) ? { decodeRows: [1, 4], scoreRows: [16, 32] } : {}),
        onPass: ({ phase, rows }) => void process.stderr.write(`${phase}, ${rows} rows\n`),
      });
      const document = `${JSON.stringify({ ...profile, limits, gpu, machine: describeMachine() }, null, 2)}\n`;
      if (argv.out) writeFileAtomic(argv.out as string, document);
      process.stdout.write(
        argv.json
          ? document
          : `${[limits && describeLimits(limits), gpu && describeGpu(gpu), describe(profile, gpu !== undefined)].filter((part) => part).join('\n\n')}\n`,
      );
    } finally {
      await engine.close();
    }
  },
};

/** The dtype of most weights. */
function keptAs({ kept }: ModelReport): KnownLimits['matrices'][number]['dtype'] {
  const [[most]] = Object.entries(kept).sort(([, a], [, b]) => (b?.bytes ?? 0) - (a?.bytes ?? 0));
  return most as KnownLimits['matrices'][number]['dtype'];
}

/** @param isLeast what is predicted is the least time, which nothing is to meet */
function describe({ model, dtype, build, passes }: ModelProfile, isLeast: boolean): string {
  const rows = passes.map(({ phase, rows, seconds, flops, bytes, predicted }) => [
    ...[phase, String(rows), (seconds * 1000).toPrecision(3), ((seconds * 1000) / rows).toPrecision(3)],
    ...[(flops / seconds / 1e9).toFixed(1), (bytes / seconds / 1e9).toFixed(1), (flops / bytes).toFixed(2)],
    (bytes / rows / 1e6).toPrecision(3),
    ...(predicted
      ? [(predicted.seconds * 1000).toPrecision(3), (predicted.seconds / seconds).toFixed(2), predicted.bound]
      : ['–', '–', '–']),
  ]);
  const head = [
    'phase',
    'rows',
    'ms',
    'ms a row',
    'GFLOP/s',
    'GB/s',
    'FLOP/byte',
    'MB a row',
    'predicted ms',
    'ratio',
    'bound',
  ];
  const off = passes.flatMap(({ seconds, predicted }) =>
    predicted ? [Math.abs(predicted.seconds / seconds - 1)] : [],
  );
  const error =
    off.length > 0 && !isLeast
      ? `\n\npredicted by the limits and the cost of ops: off by ${(100 * median(off)).toFixed(0)} % in the median`
      : '';
  return `${model}, ${dtype}, ${build}\n\n${table([head, ...rows])}${error}`;
}

function describeGpu({ build, measured, peak, bandwidth }: KnownGpuLimits): string {
  return `limits of ${build}, measured ${measured.slice(0, 16).replace('T', ' ')} UTC: float32 in registers ${peak.toFixed(1)} GFLOP/s, reads ${bandwidth.toFixed(1)} GB/s; predicted is the least time that these allow`;
}

function describeLimits({ build, threads, measured, peaks, matrices, memory, opMicroseconds }: KnownLimits): string {
  const noise = (share: number) => `${(100 * share).toFixed(0)} %`;
  const rows = [
    ...peaks.map((roof) => [
      `${roof.arithmetic} in registers`,
      String(roof.threads),
      `${roof.gflops.toFixed(1)} GFLOP/s`,
      noise(roof.noise),
    ]),
    ...matrices.map((roof) => [
      `256 rows × large ${roof.dtype} matrix`,
      String(threads),
      `${roof.gflops.toFixed(1)} GFLOP/s`,
      noise(roof.noise),
    ]),
    ...memory.map((roof) => [
      ...[`${roof.level}, read / copy`, String(roof.threads), `${roof.read.toFixed(1)} / ${roof.copy.toFixed(1)} GB/s`],
      noise(roof.noise),
    ]),
    ['an op with nothing to do', String(threads), `${opMicroseconds.toFixed(1)} µs`, ''],
  ];
  return `limits of this machine, ${build}, measured ${measured.slice(0, 16).replace('T', ' ')} UTC\n\n${table([['limit', 'threads', 'measured', 'noise'], ...rows])}`;
}
