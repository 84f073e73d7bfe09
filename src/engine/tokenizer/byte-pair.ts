import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { concat } from '../../../kernels/concat.js';
import { sha256Hex } from '../../digest.js';
import { AttsError } from '../../errors.js';
import type { Tokenizer } from '../engine.js';
import { ChatTemplate } from './chat-template.js';
import { type PairModel, pairEncoder } from './pair-model.js';
import { utf8Decoder } from './text-stream.js';
import { type Alphabet, stringsById, tokenBytes } from './token-bytes.js';
import { type AddedToken, alphabetOf, insideOf, type TokenizerParts } from './tokenizer-json.js';
import { withinTime } from './within-time.js';

/** A tokenizer as a file describes it. */
export interface TokenizerFile {
  /** What error lines call it. */
  readonly source: string;
  readonly parts: TokenizerParts;
  readonly model: PairModel;
  /** The id that a text is opened with; null where the tokenizer opens it with none. */
  readonly bosId: number | null;
  readonly stopIds: readonly number[];
  readonly chatTemplate: string | null;
  /** Strings of special tokens by the names that templates use: `bos_token`, `eos_token` … */
  readonly templateTokens: Readonly<Record<string, string>>;
}

const utf8 = new TextEncoder();

/** Stands around text that looks like a control token and is none: a noncharacter, which no text has. */
const seam = '\uFDD0';

/**
 * A byte-pair tokenizer. What comes before the merging (added tokens, normalisation, patterns) is @huggingface/tokenizers'.
 * The merging is ours: the library's opens a vocabulary of 262,144 tokens in three times the time and knows no scores. So
 * are bytes and text of ids: the library decodes whole texts alone, and a chunk may end within a character.
 * @throws AttsError `checkpoint`
 */
export function bytePairTokenizer(file: TokenizerFile): Tokenizer {
  const { source, parts, model, bosId } = file;
  const alphabet = alphabetOf(parts, source);
  const { whole, inside } = openEncoders(file);
  const fingerprint = fingerprintOf(file, alphabet);
  const bytesOf = tokenBytes(model, parts.added_tokens, alphabet);
  const template = file.chatTemplate === null ? null : new ChatTemplate(file.chatTemplate, source);
  const run = (encoder: LibraryTokenizer, text: string): number[] =>
    withinTime(timeFor(text), `${source}: encoding a text`, () =>
      // By way of UTF-8, which has no lone surrogates.
      encoder
        .encode(utf8Decoder().decode(utf8.encode(text)), { add_special_tokens: false })
        .ids.filter(Number.isInteger),
    );
  const encode = (text: string) => run(whole, text);
  const encodeContinuation = (text: string) => run(inside, text);
  const bytes = (ids: readonly number[]): Uint8Array => concat(Uint8Array, ids.map(bytesOf));
  const asText = controlsAsText(parts.added_tokens);
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
      const pieces = template.render(marked, file.templateTokens).split(seam);
      const ids = pieces.flatMap((part, i) => (i % 2 === 0 ? encode(part) : encodeContinuation(part)));
      const opening = bosId === null || ids[0] === bosId ? [] : [bosId];
      const text = pieces.join('');
      return { ids: [...opening, ...ids], text, fingerprint, chat: { messages, text } };
    },
  };
}

/**
 * Puts seams around what a message says and a tokenizer would take for a control token. A problem's text must not end a
 * turn; most engines, transformers among them, let it.
 */
function controlsAsText(addedTokens: readonly AddedToken[]): (content: string) => string {
  const contents = addedTokens.filter(({ special }) => special).map(({ content }) => content);
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
function openEncoders({ parts, model, source }: TokenizerFile): { whole: LibraryTokenizer; inside: LibraryTokenizer } {
  const encodePiece = pairEncoder(model);
  const merging = Object.assign((pieces: readonly string[]) => pieces.flatMap(encodePiece), {
    tokens_to_ids: model.idOf,
  });
  const open = (some: TokenizerParts): LibraryTokenizer => {
    const encoder = new LibraryTokenizer({ ...some, model: { type: 'BPE', vocab: {}, merges: [] } }, {});
    return Object.assign(encoder, { model: merging });
  };
  try {
    return withinTime(openMilliseconds, `${source}: opening the tokenizer`, () => ({
      whole: open(parts),
      inside: open(insideOf(parts)),
    }));
  } catch (cause) {
    if (cause instanceof AttsError) throw cause;
    const why = cause instanceof Error ? cause.message.split('\n')[0].slice(0, 200) : 'unknown cause';
    throw new AttsError('checkpoint', `${source}: not a tokenizer that can be used: ${why}`, { cause });
  }
}

const openMilliseconds = 10_000;

/** Milliseconds that an encoding may take: hundreds of times what published tokenizers need. */
function timeFor(text: string): number {
  return 2000 + Math.ceil(text.length / 2);
}

/**
 * Hash of what ids mean: tokens by id, which of them are control tokens, and the order of merges. A GGUF file and a
 * tokenizer.json of one vocabulary have the same one.
 */
function fingerprintOf({ model, parts }: TokenizerFile, alphabet: Alphabet): string {
  const strings = stringsById(model.idOf);
  for (const { id, content } of parts.added_tokens) strings[id] = content;
  const controls = parts.added_tokens.filter(({ special }) => special).map(({ id }) => id);
  const merges = alphabet === 'byte-level' ? model.merges : [];
  const lists = [strings, controls.sort((a, b) => a - b), merges];
  return sha256Hex([alphabet, ...lists.map((list) => `\0\0${list.join('\0')}`)]);
}
