import type { CommandModule } from 'yargs';
import {
  describeMachine,
  fewestAndMost,
  gpuLimits,
  gpuRoofs,
  inspectModel,
  inspectOps,
  isOnGpu,
  type KnownGpuLimits,
  type KnownLimits,
  type ModelProfile,
  machineLimits,
  machineRoofs,
  median,
  openEngine,
  type PassRecord,
  profileModel,
  roofsOf,
  shapeOf,
  writeFileAtomic,
  writeProfileRoofline,
} from '../../index.js';
import { engineFlags, engineOptions } from '../engine-flags.js';
import { table } from '../format.js';
import { jsonFlag } from '../json-flag.js';

export const profileCommand: CommandModule = {
  command: 'profile <model>',
  describe: 'Time decode steps and scores of one model at several numbers of rows, and their ops',
  builder: (cli) =>
    cli
      .positional('model', { type: 'string', demandOption: true, describe: 'Embedded name, folder or .gguf file' })
      .options(engineFlags)
      .option('out', {
        type: 'string',
        requiresArg: true,
        describe: 'File for the JSON document (atts simulate reads it)',
      })
      .option('lengths', {
        type: 'number',
        array: true,
        requiresArg: true,
        describe: 'Cached tokens of the longer contexts that are measured as well [default: 256 1024]',
      })
      .option('figures', {
        type: 'string',
        requiresArg: true,
        describe: 'Folder for the roofline: every op of the fewest and the most rows (SVG and vega-lite)',
      })
      .option('measure-limits', {
        type: 'boolean',
        default: false,
        describe: 'Measure the limits of the machine again, which are else taken from the cache',
      })
      .option('json', jsonFlag),
  async handler(argv) {
    const spec = argv.model as string;
    const options = engineOptions(argv);
    // Refuses what cannot be opened before anything is measured.
    const report = inspectModel(spec, options);
    const { backend = 'auto', threads } = options;
    // What is predicted from the processor's limits is for our own kernels on it.
    const isElsewhere = backend === 'webgpu' || backend === 'tensorflow';
    const again = argv['measure-limits'] as boolean;
    const limits = isElsewhere ? undefined : await machineLimits(backend, threads, again);
    const gpu = backend === 'webgpu' ? await gpuLimits(again) : undefined;
    const roofs = limits ? roofsOf(limits) : gpu ? gpuRoofs(gpu) : await machineRoofs(backend, threads);
    const passes: PassRecord[] = [];
    const engine = await openEngine(spec, { ...options, timeOps: 1, onPass: (pass) => void passes.push(pass) });
    const { config: dimensions, ...kept } = inspectOps(spec, options);
    const model = { shape: shapeOf(dimensions), ...kept };
    try {
      const profile = await profileModel(engine, {
        ...report,
        ...{ shape: report, threads, limits, roofs: gpu && roofs, lengths: argv.lengths as number[] | undefined },
        watch: { model, roofs, take: () => passes.splice(0) },
        // A processor that stands for a GPU takes seconds for a pass of many rows.
        ...(gpu && !isOnGpu({ name: 'webgpu', build: gpu.build })
          ? { decodeRows: [1, 4], scoreRows: [16, 32], lengths: [], budget: 5000 }
          : {}),
        onPass: ({ phase, rows, cached }) =>
          void process.stderr.write(`${phase}, ${rows} rows${cached ? ` after ${cached} tokens` : ''}\n`),
      });
      const document = `${JSON.stringify({ ...profile, limits, gpu, machine: describeMachine() }, null, 2)}\n`;
      if (argv.out) writeFileAtomic(argv.out as string, document);
      if (argv.figures) {
        const drawn = await writeProfileRoofline(argv.figures as string, profile, roofs);
        process.stderr.write(
          drawn ? `roofline in ${drawn}\n` : 'no roofline: the device tells no times of single ops\n',
        );
      }
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

/** @param isLeast what is predicted is the least time, which nothing is to meet */
function describe({ model, dtype, build, passes }: ModelProfile, isLeast: boolean): string {
  const rows = passes.map(({ phase, rows, cached, seconds, flops, bytes, predicted }) => [
    ...[
      phase,
      String(rows),
      cached ? String(cached) : '',
      (seconds * 1000).toPrecision(3),
      ((seconds * 1000) / rows).toPrecision(3),
    ],
    ...[(flops / seconds / 1e9).toFixed(1), (bytes / seconds / 1e9).toFixed(1), (flops / bytes).toFixed(2)],
    (bytes / rows / 1e6).toPrecision(3),
    ...(predicted
      ? [(predicted.seconds * 1000).toPrecision(3), (predicted.seconds / seconds).toFixed(2), predicted.bound]
      : ['–', '–', '–']),
  ]);
  const head = [
    'phase',
    'rows',
    'cached',
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
  return `${model}, ${dtype}, ${build}\n\n${table([head, ...rows])}${error}\n\n${describeOps(passes)}`;
}

/** Of the fewest and the most rows of each phase; the document has all. */
function describeOps(passes: ModelProfile['passes']): string {
  const rows = fewestAndMost(passes).flatMap(({ phase, rows, seconds, ops = [], betweenSeconds = 0 }) => {
    const time = (own: number) => [(own * 1e6).toPrecision(3), (100 * (own / seconds)).toFixed(1)];
    const cells = ops.map((op) => [
      ...[op.op, op.shape, op.dtype, String(op.layers), ...time(op.seconds)],
      ...[(op.gflops ?? 0).toFixed(1), (op.gbytes ?? 0).toFixed(1), op.intensity.toFixed(2)],
      ...[(100 * (op.roofShare ?? 0)).toFixed(1), op.bound],
    ]);
    const between = ['between ops', '', '', '', ...time(betweenSeconds), '', '', '', '', ''];
    return ops.length > 0 ? [...cells, between].map((own) => [phase, String(rows), ...own]) : [];
  });
  if (rows.length === 0) return 'times of single ops: none, since the device tells none';
  const names = ['op', 'shape', 'kept as', 'layers', 'µs', '% of time', 'GFLOP/s', 'GB/s', 'FLOP/byte', '% of roof'];
  return `ops, all layers together\n\n${table([['phase', 'rows', ...names, 'bound'], ...rows])}`;
}

function describeGpu({ build, measured, peak, bandwidth }: KnownGpuLimits): string {
  return `limits of ${build}, measured ${measured.slice(0, 16).replace('T', ' ')} UTC: float32 in registers ${peak.toFixed(1)} GFLOP/s, reads ${bandwidth.toFixed(1)} GB/s; predicted is the least time that these allow`;
}

function describeLimits(limits: KnownLimits): string {
  const { build, threads, measured, peaks, matrices, products, rows: rowRoofs, memory, attention } = limits;
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
    ...seriesOf(products).map((own) => [
      `${own[0].dtype} from ${own[0].level}, ${own.map((roof) => roof.rows).join('/')} rows`,
      String(threads),
      `${own.map((roof) => roof.gflops.toFixed(0)).join('/')} GFLOP/s`,
      noise(Math.max(...own.map((roof) => roof.noise))),
    ]),
    ...memory.map((roof) => [
      ...[`${roof.level}, read / copy`, String(roof.threads), `${roof.read.toFixed(1)} / ${roof.copy.toFixed(1)} GB/s`],
      noise(roof.noise),
    ]),
    ['attention, its products', String(threads), `${attention.gflops.toFixed(1)} GFLOP/s`, noise(attention.noise)],
    ['attention, its softmax', String(threads), `${attention.softmax.toFixed(2)} · 10⁹ scores/s`, ''],
    ['attention, cached tokens in DRAM', String(threads), `${attention.pagedReads.toFixed(1)} GB/s`, ''],
    ...rowRoofs.map((roof) => [
      `${roof.work} of a product's rows`,
      String(threads),
      `${roof.rate.toFixed(2)} · 10⁹ values/s`,
      noise(roof.noise),
    ]),
    ['an op beside its arithmetic', String(threads), `${limits.opMicroseconds.toFixed(1)} µs`, ''],
    ['sharing it', String(threads), `${limits.handOverMicroseconds.toFixed(1)} µs`, ''],
    ['a sequence of a step', String(threads), `${limits.sequenceMicroseconds.toFixed(1)} µs`, ''],
    ['a token of a score', String(threads), `${limits.tokenMicroseconds.toFixed(1)} µs`, ''],
  ];
  return `limits of this machine, ${build}, measured ${measured.slice(0, 16).replace('T', ' ')} UTC\n\n${table([['limit', 'threads', 'measured', 'noise'], ...rows])}`;
}

/** Those of one dtype and level together. */
function seriesOf(products: KnownLimits['products']): KnownLimits['products'][] {
  const names = products.map(({ dtype, level }) => `${dtype} ${level}`);
  return [...new Set(names)].map((name) => products.filter((_, i) => names[i] === name));
}
