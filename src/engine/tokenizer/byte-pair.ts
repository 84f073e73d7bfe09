import { createHash } from 'node:crypto';
import { Tokenizer as PairEncoder } from '@huggingface/tokenizers';
import { AttsError } from '../../errors.js';
import type { Tokenizer } from '../engine.js';
import { ChatTemplate } from './chat-template.js';
import { utf8Decoder } from './text-stream.js';
import { type Alphabet, tokenBytes } from './token-bytes.js';
import { alphabetOf, insideOf, type TokenizerJson } from './tokenizer-json.js';
import { withinTime } from './within-time.js';

/** A tokenizer as a file describes it. */
export interface TokenizerFile {
  /** What error lines call it. */
  readonly source: string;
  readonly json: TokenizerJson;
  /** The id that a text is opened with; null where the tokenizer opens it with none. */
  readonly bosId: number | null;
  readonly stopIds: readonly number[];
  readonly chatTemplate: string | null;
  /** Strings of special tokens by the names that templates use: `bos_token`, `eos_token` … */
  readonly templateTokens: Readonly<Record<string, string>>;
}

/** Stands around text that looks like a control token and is none: a noncharacter, which no text has. */
const seam = '\uFDD0';

/**
 * A byte-pair tokenizer. The merging is @huggingface/tokenizers'; bytes and text of ids are ours, because the library
 * decodes whole texts alone and a chunk may end within a character.
 * @throws AttsError `checkpoint`
 */
export function bytePairTokenizer(file: TokenizerFile): Tokenizer {
  const { source, json, bosId } = file;
  const alphabet = alphabetOf(json, source);
  const { whole, inside } = openEncoders(json, source);
  const fingerprint = fingerprintOf(json, alphabet);
  const bytesOf = tokenBytes(json, alphabet);
  const template = file.chatTemplate === null ? null : new ChatTemplate(file.chatTemplate, source);
  const run = (encoder: PairEncoder, text: string): number[] =>
    withinTime(timeFor(text), `${source}: encoding a text`, () =>
      // By way of UTF-8, which has no lone surrogates.
      encoder.encode(Buffer.from(text).toString(), { add_special_tokens: false }).ids.filter(Number.isInteger),
    );
  const encode = (text: string) => run(whole, text);
  const encodeContinuation = (text: string) => run(inside, text);
  const bytes = (ids: readonly number[]): Uint8Array => Buffer.concat(ids.map(bytesOf));
  const asText = controlsAsText(json);
  return {
    fingerprint,
    stopIds: file.stopIds,
    bosId,
    encode,
    encodeContinuation,
    bytes,
    decode: (ids) => utf8Decoder().decode(bytes(ids)),
    chat(messages) {
      if (template === null) {
        throw new AttsError(
          'checkpoint',
          `${source}: its tokenizer has no chat template; use --prompt raw (atts generate: --raw)`,
        );
      }
      const marked = messages.map(({ role, content }) => ({ role, content: asText(content) }));
      const parts = template.render(marked, file.templateTokens).split(seam);
      const ids = parts.flatMap((part, i) => (i % 2 === 0 ? encode(part) : encodeContinuation(part)));
      const opening = bosId === null || ids[0] === bosId ? [] : [bosId];
      return { ids: [...opening, ...ids], text: parts.join(''), fingerprint };
    },
  };
}

/**
 * Puts seams around what a message says and a tokenizer would take for a control token. A problem's text must not end a
 * turn; most engines, transformers among them, let it.
 */
function controlsAsText(json: TokenizerJson): (content: string) => string {
  const contents = json.added_tokens.filter(({ special }) => special).map(({ content }) => content);
  const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  const pattern = contents
    .sort((a, b) => b.length - a.length)
    .map(literal)
    .join('|');
  const controls = pattern === '' ? null : new RegExp(pattern, 'g');
  return (content) => {
    const text = content.replaceAll(seam, '\uFFFD');
    return controls === null ? text : text.replace(controls, (control) => seam + control + seam);
  };
}

/** The encoder of whole texts, and the one of text within another. */
function openEncoders(json: TokenizerJson, source: string): { whole: PairEncoder; inside: PairEncoder } {
  try {
    return withinTime(60_000, `${source}: opening the tokenizer`, () => {
      const whole = new PairEncoder(json, {});
      // The two differ in what comes before the merging: the large tables are shared.
      const inside = new PairEncoder({ ...insideOf(json), model: { ...json.model, vocab: {}, merges: [] } }, {});
      inside.model = whole.model;
      return { whole, inside };
    });
  } catch (cause) {
    if (cause instanceof AttsError) throw cause;
    const why = cause instanceof Error ? cause.message.split('\n')[0].slice(0, 200) : 'unknown cause';
    throw new AttsError('checkpoint', `${source}: not a tokenizer that can be used: ${why}`, { cause });
  }
}

/** Milliseconds that an encoding may take: hundreds of times what published tokenizers need. */
function timeFor(text: string): number {
  return 2000 + Math.ceil(text.length / 2);
}

/**
 * Hash of what ids mean: tokens by id, which of them are control tokens, and the order of merges. A GGUF file and a
 * tokenizer.json of one vocabulary have the same one.
 */
function fingerprintOf(json: TokenizerJson, alphabet: Alphabet): string {
  const tokens: [string, boolean][] = [];
  for (const [token, id] of Object.entries(json.model.vocab)) tokens[id] = [token, false];
  for (const { id, content, special } of json.added_tokens) tokens[id] = [content, special];
  const merges = alphabet === 'byte-level' ? json.model.merges.map((merge) => [merge].flat().join(' ')) : [];
  return createHash('sha256').update(JSON.stringify([alphabet, tokens, merges])).digest('hex');
}
