import type { CommandModule } from 'yargs';
import {
  describeMachine,
  inspectModel,
  type ModelProfile,
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
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on standard output' }),
  async handler(argv) {
    const spec = argv.model as string;
    const options = engineOptions(argv);
    const report = inspectModel(spec, options);
    const engine = await openEngine(spec, options);
    try {
      const profile = await profileModel(engine, {
        ...{ shape: report, weightBytes: report.weightBytes, cacheBytesPerToken: report.cacheBytesPerToken },
        threads: options.threads,
        onPass: ({ phase, rows }) => void process.stderr.write(`${phase}, ${rows} rows\n`),
      });
      const document = `${JSON.stringify({ ...profile, machine: describeMachine() }, null, 2)}\n`;
      if (argv.out) writeFileAtomic(argv.out as string, document);
      process.stdout.write(argv.json ? document : `${describe(profile)}\n`);
    } finally {
      await engine.close();
    }
  },
};

function describe({ model, dtype, build, passes }: ModelProfile): string {
  const rows = passes.map(({ phase, rows, seconds, flops, bytes }) => [
    ...[phase, String(rows), (seconds * 1000).toPrecision(3), ((seconds * 1000) / rows).toPrecision(3)],
    ...[(flops / seconds / 1e9).toFixed(1), (bytes / seconds / 1e9).toFixed(1), (flops / bytes).toFixed(2)],
  ]);
  const head = ['phase', 'rows', 'ms', 'ms a row', 'GFLOP/s', 'GB/s', 'FLOP/byte'];
  return `${model}, ${dtype}, ${build}\n\n${table([head, ...rows])}`;
}
