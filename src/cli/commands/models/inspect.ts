import type { CommandModule } from 'yargs';
import {
  type EngineOptions,
  inspectModel,
  inspectRemote,
  isRemoteSpec,
  type ModelReport,
  type RemoteReport,
} from '../../../index.js';
import { engineFlags, modelFlag } from '../../engine-flags.js';
import { bytesText } from '../../format.js';
import { jsonFlag } from '../../json-flag.js';

const templateLines = 4;

export const inspectCommand: CommandModule = {
  command: 'inspect <model>',
  describe: 'What a model is and what it will need, from its header alone; or what a server can do',
  builder: (cli) =>
    cli
      .positional('model', {
        type: 'string',
        demandOption: true,
        describe: modelFlag.describe,
      })
      .option('backend', engineFlags.backend)
      .option('dtype', engineFlags.dtype)
      .option('cache-dtype', engineFlags['cache-dtype'])
      .option('json', jsonFlag),
  async handler(argv) {
    const spec = argv.model as string;
    if (isRemoteSpec(spec)) {
      const report = await inspectRemote(spec);
      process.stdout.write(`${argv.json ? JSON.stringify(report) : remoteLines(report).join('\n')}\n`);
      return;
    }
    const report = inspectModel(spec, argv as Pick<EngineOptions, 'backend' | 'dtype' | 'cacheDtype'>);
    const text = argv.json ? JSON.stringify(report) : lines(report).join('\n');
    process.stdout.write(`${text}\n`);
  },
};

function lines(report: ModelReport): string[] {
  const { heads, kvHeads, headDim, hiddenSize, intermediateSize, vocabSize, parameters, cacheBytesPerToken } = report;
  const cache = (cacheBytesPerToken * 1000) / 2 ** 20;
  const shares = (of: ModelReport['stored']) =>
    Object.entries(of).map(([dtype, share]) => `${dtype} ${bytesText(share!.bytes)} (${share!.tensors} tensors)`);
  const rows: [string, string][] = [
    ['path', `${report.path} (${report.format})`],
    ['family', report.family],
    ['parameters', `${parameters.toLocaleString('en')}${report.hasOwnHead ? '' : ', head tied to the embedding'}`],
    ['layers', `${report.layers}, ${heads} query and ${kvHeads} key-value heads of ${headDim}`],
    ['width', `${hiddenSize}, ${intermediateSize} within the MLP`],
    ['vocabulary', vocabSize.toLocaleString('en')],
    ['context', `${report.contextLength.toLocaleString('en')} tokens`],
    ...report.rope.map(({ theta, scaling, window, layers }): [string, string] => [
      'attention',
      `${layers} layers: ${window === null ? 'full' : `window ${window}`}, rope θ ${theta}, scaling ${scaling}`,
    ]),
    ['stored', shares(report.stored).join(', ')],
    ['kept', shares(report.kept).join(', ')],
    ['memory', `${bytesText(report.weightBytes)} of weights, ${cache.toFixed(1)} MiB of KV cache for 1,000 tokens`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [report.id, ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`), ...tokenizerLines(report)];
}

function remoteLines(report: RemoteReport): string[] {
  const { id, servers, build, dtype, contextLength, tokenizer, tokenizerChecked, writes, scores } = report;
  return [
    id,
    `  servers    ${servers.join(', ')} (${build}, ${dtype})`,
    `  context    ${contextLength.toLocaleString('en')} tokens`,
    `  tokenizer  ${tokenizer}${tokenizerChecked ? '' : ', which the server could not be asked about'}`,
    `  writes     ${writes}`,
    `  scores     ${scores ?? 'not: it cannot be a target'}`,
  ];
}

function tokenizerLines({ tokenizer }: ModelReport): string[] {
  if ('error' in tokenizer) return [`  no tokenizer: ${tokenizer.error}`];
  const { bosId, stopIds, special, chatTemplate } = tokenizer;
  const names = Object.entries(special).map(([name, token]) => `${name} ${JSON.stringify(token)}`);
  const opened = bosId === null ? 'texts open with no token' : `texts open with ${bosId}`;
  const template = chatTemplate?.split('\n') ?? [];
  const rest = template.length - templateLines;
  return [
    `  special tokens: ${[...names, opened, `ends ${stopIds.join(', ')}`].join(', ')}`,
    ...(chatTemplate === null ? ['  no chat template'] : ['  chat template:']),
    ...template.slice(0, templateLines).map((line) => `    ${line.slice(0, 100)}`),
    ...(rest > 0 ? [`    … ${rest} more lines`] : []),
  ];
}
