import { readFileSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import { AttsError, openEngine, type Tokenizer } from '../../index.js';
import { engineFlags, engineOptions, modelFlag } from '../engine-flags.js';
import { jsonFlag } from '../json-flag.js';

const mostAlternatives = 1000;

export const scoreCommand: CommandModule = {
  command: 'score',
  describe: 'Log-probabilities of a text',
  builder: (cli) =>
    cli.options({
      model: modelFlag,
      'text-file': { type: 'string', demandOption: true, requiresArg: true, describe: 'Text to score' },
      'prefix-file': { type: 'string', requiresArg: true, describe: 'Text before it, which is not scored' },
      'top-k': { type: 'number', default: 0, requiresArg: true, describe: 'Show so many alternatives of each token' },
      ...engineFlags,
      json: jsonFlag,
    }),
  async handler(argv) {
    const top = argv.topK as number;
    if (!Number.isInteger(top) || top < 0 || top > mostAlternatives) {
      throw new AttsError('usage', `--top-k must be a whole number from 0 to ${mostAlternatives} (got ${top})`);
    }
    const text = readText(argv.textFile as string);
    const prefix = argv.prefixFile === undefined ? '' : readText(argv.prefixFile as string);
    const engine = await openEngine(argv.model as string, engineOptions(argv));
    const { tokenizer } = engine;
    const { before, ids } = splitIds(tokenizer, prefix, text);
    if (ids.length === 0) throw new AttsError('usage', `${argv.textFile} is empty`);
    // Without anything before it the first token has no probability: it becomes the prefix.
    const unscored = before.length === 0 ? 1 : 0;
    const all = [...before, ...ids];
    const from = before.length + unscored;
    const piece = (some: number[]) => ({ ids: some, text: tokenizer.decode(some), fingerprint: tokenizer.fingerprint });
    const score =
      from < all.length
        ? await engine.score({ prefix: piece(all.slice(0, from)), chunk: piece(all.slice(from)), top })
        : null;
    const scored = score?.logProbs ?? [];
    const tokens = ids.map((id, i) => ({
      ...{ id, text: tokenizer.decode([id]) },
      logprob: i < unscored ? null : scored[i - unscored],
      ...(top > 0
        ? {
            top: (score?.top?.[i - unscored] ?? []).map(({ id, logProb }) => ({
              ...{ id, text: tokenizer.decode([id]), logprob: logProb },
            })),
          }
        : {}),
    }));
    const nll = scored.length === 0 ? null : -scored.reduce((a, b) => a + b, 0) / scored.length;
    const perplexity = nll === null ? null : Math.exp(nll);
    if (argv.json) {
      process.stdout.write(`${JSON.stringify({ schema: 'atts.score/1', tokens, nll, perplexity })}\n`);
      return;
    }
    for (const token of tokens) {
      const others = (token.top ?? []).map(({ text, logprob }) => `${JSON.stringify(text)} ${logprob.toFixed(2)}`);
      const line = [token.logprob?.toFixed(4) ?? '–', JSON.stringify(token.text), others.join('  ')];
      process.stdout.write(`${line.join('\t').trimEnd()}\n`);
    }
    process.stdout.write(`nll ${nll?.toFixed(4) ?? '–'} nats a token, perplexity ${perplexity?.toFixed(3) ?? '–'}\n`);
  },
};

/** Prefix and text are encoded as one; a token that spans the border belongs to the text. */
function splitIds({ encode, bosId }: Tokenizer, prefix: string, text: string): { before: number[]; ids: number[] } {
  const alone = encode(prefix);
  const together = encode(prefix + text);
  let border = 0;
  while (border < alone.length && alone[border] === together[border]) border++;
  const before = together.slice(0, border);
  const opened = bosId === null || before[0] === bosId ? before : [bosId, ...before];
  return { before: opened, ids: together.slice(border) };
}

export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new AttsError('usage', `${path} ${missing ? 'does not exist' : 'cannot be read'}`, { cause });
  }
}
