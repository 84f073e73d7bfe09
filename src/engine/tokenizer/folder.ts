import { z } from 'zod';
import type { CheckpointFolder } from '../../../models/checkpoint/folder.js';
import { AttsError } from '../../errors.js';
import type { TokenizerFile } from './byte-pair.js';
import { parseTokenizerJson, type TokenizerParts } from './tokenizer-json.js';

const tokenSchema = z.union([z.string(), z.looseObject({ content: z.string() }).transform(({ content }) => content)]);
const templateSchema = z.union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))]);
const configSchema = z.looseObject({
  bos_token: tokenSchema.nullish(),
  eos_token: tokenSchema.nullish(),
  unk_token: tokenSchema.nullish(),
  pad_token: tokenSchema.nullish(),
  add_bos_token: z.boolean().nullish(),
  chat_template: templateSchema.nullish(),
});
const generationSchema = z.looseObject({ eos_token_id: z.union([z.int(), z.array(z.int())]).nullish() });

/**
 * The tokenizer of a folder with tokenizer.json and tokenizer_config.json.
 * @throws AttsError `checkpoint` for missing or unusable files
 */
export function folderTokenizer(folder: CheckpointFolder): TokenizerFile {
  const source = folder.pathOf('tokenizer.json');
  const { parts, model } = parseTokenizerJson(needed(folder, 'tokenizer.json'), source);
  const configPath = folder.pathOf('tokenizer_config.json');
  const parsed = configSchema.safeParse(needed(folder, 'tokenizer_config.json'));
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw new AttsError('checkpoint', `${configPath}: ${path.join('.') || 'the document'}: ${message}`);
  }
  const config = parsed.data;
  const idOf = (content: string | null | undefined): number | null =>
    parts.added_tokens.find((token) => token.content === content)?.id ?? null;
  const eos = idOf(config.eos_token);
  const bos = idOf(config.bos_token);
  const { bos_token, eos_token, unk_token, pad_token } = config;
  const named = Object.entries({ bos_token, eos_token, unk_token, pad_token });
  return {
    source,
    parts,
    model,
    bosId: bos !== null && (config.add_bos_token ?? opensWith(parts, config.bos_token as string)) ? bos : null,
    stopIds: [...new Set([...(eos === null ? [] : [eos]), ...generationStops(folder)])],
    chatTemplate: chatTemplateOf(folder, config.chat_template),
    templateTokens: Object.fromEntries(named.flatMap(([name, token]) => (token ? [[name, token]] : []))),
  };
}

/** What else ends a turn: generation_config.json may name several ids where tokenizer_config.json names one. */
function generationStops(folder: CheckpointFolder): number[] {
  const name = 'generation_config.json';
  const document = json(folder, name);
  if (document === undefined) return [];
  const parsed = generationSchema.safeParse(document);
  if (!parsed.success)
    throw new AttsError('checkpoint', `${folder.pathOf(name)}: eos_token_id is neither an id nor a list of ids`);
  return [parsed.data.eos_token_id ?? []].flat();
}

/** A file beside the configuration is the later word. Of named templates it is the one called default. */
function chatTemplateOf(
  folder: CheckpointFolder,
  configured: z.infer<typeof templateSchema> | null | undefined,
): string | null {
  const jinja = folder.text('chat_template.jinja');
  if (jinja !== null) return jinja;
  const name = 'chat_template.json';
  const document = json(folder, name);
  const parsed =
    document === undefined ? undefined : z.looseObject({ chat_template: templateSchema }).safeParse(document);
  if (parsed?.success === false) throw new AttsError('checkpoint', `${folder.pathOf(name)} has no chat_template`);
  const template = parsed?.data.chat_template ?? configured ?? null;
  if (!Array.isArray(template)) return template;
  return (template.find(({ name }) => name === 'default') ?? template.at(0))?.template ?? null;
}

/** Whether the post-processor opens a text with the token. */
function opensWith({ post_processor: postProcessor }: TokenizerParts, token: string): boolean {
  const processors = postProcessor?.type === 'Sequence' ? postProcessor.processors : [postProcessor];
  return [processors].flat().some((part) => {
    const single = (part as { single?: { SpecialToken?: { id?: unknown } }[] } | null)?.single;
    return Array.isArray(single) && single[0]?.SpecialToken?.id === token;
  });
}

function needed(folder: CheckpointFolder, name: string): unknown {
  const document = json(folder, name);
  if (document === undefined) throw new AttsError('checkpoint', `${folder.pathOf(name)} is missing`);
  return document;
}

/** A document; undefined where there is none. */
function json(folder: CheckpointFolder, name: string): unknown {
  const text = folder.text(name);
  try {
    return text === null ? undefined : JSON.parse(text);
  } catch (cause) {
    throw new AttsError('checkpoint', `${folder.pathOf(name)} is not JSON`, { cause });
  }
}
