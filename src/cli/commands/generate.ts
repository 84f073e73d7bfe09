import type { CommandModule } from 'yargs';
import { AttsError, openEngine, openText, promptMessages, TextStream } from '../../index.js';
import { engineFlags, engineOptions, modelFlag } from '../engine-flags.js';
import { jsonFlag } from '../json-flag.js';
import { readText } from './score.js';

export const generateCommand: CommandModule = {
  command: 'generate',
  describe: 'Let a model continue a prompt',
  builder: (cli) =>
    cli.options({
      model: modelFlag,
      prompt: { type: 'string', requiresArg: true, describe: 'The problem' },
      'prompt-file': { type: 'string', requiresArg: true, describe: 'File with the problem' },
      raw: { type: 'boolean', default: false, describe: 'Continue the text as it is, without the chat template' },
      'max-tokens': { type: 'number', default: 256 },
      temperature: { type: 'number', default: 0.8, describe: '0 = greedy' },
      'top-p': { type: 'number', default: 1 },
      seed: { type: 'number', default: 0 },
      ...engineFlags,
      json: jsonFlag,
    }),
  async handler(argv) {
    const text = (argv.prompt as string | undefined) ?? (argv.promptFile ? readText(argv.promptFile as string) : '');
    if (text === '') throw new AttsError('usage', 'give --prompt TEXT or --prompt-file FILE');
    const { temperature, seed, topP, maxTokens } = argv as unknown as Record<string, number>;
    if (!(temperature >= 0)) throw new AttsError('usage', `--temperature must be 0 or more (got ${temperature})`);
    if (!(topP > 0 && topP <= 1)) throw new AttsError('usage', `--top-p must be above 0 and at most 1 (got ${topP})`);
    if (!(Number.isInteger(maxTokens) && maxTokens > 0)) {
      throw new AttsError('usage', `--max-tokens must be a positive whole number (got ${maxTokens})`);
    }
    const engine = await openEngine(argv.model as string, { ...engineOptions(argv), scores: false });
    const { tokenizer } = engine;
    const prefix = argv.raw
      ? openText(tokenizer, text)
      : tokenizer.chat(promptMessages({ id: 'prompt', problem: text.trim(), answer: '' }));
    const key = { seed, problem: 'prompt', sample: 0, role: 'generate' };
    const stream = new TextStream(tokenizer);
    let shown = '';
    const onTokens = (ids: readonly number[]) => {
      const come = stream.push(ids);
      shown += come;
      process.stdout.write(come);
    };
    const request = { prefix, maxTokens, temperature, topP, key };
    const result = await engine.generate(argv.json ? request : { ...request, onTokens });
    const { text: written, ids, finish, usage } = result;
    const rest = `${written.slice(shown.length)}\n`;
    process.stdout.write(argv.json ? `${JSON.stringify({ text: written, ids, finish, usage })}\n` : rest);
  },
};
