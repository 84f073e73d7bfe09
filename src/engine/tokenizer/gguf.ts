import type { GgufValue } from '../../../models/checkpoint/gguf/header.js';
import { AttsError } from '../../errors.js';
import type { TokenizerFile } from './byte-pair.js';
import { type PairModel, ranksByScore, ranksOf } from './pair-model.js';
import { preTokenizers } from './pre-tokenizers.js';
import { spaceMark } from './token-bytes.js';
import { isMerge, type TokenizerParts } from './tokenizer-json.js';

/** Kinds of tokens (`tokenizer.ggml.token_type`). 5 is an id that no token uses. */
const kind = { normal: 1, unknown: 2, control: 3, user: 4, unused: 5, byte: 6 };

/** Control tokens that end a turn whatever the file's `eos` says; chat models end with one, base models with another. */
const turnEnds = new Set([
  ...['<|im_end|>', '<|eot_id|>', '<|eom_id|>', '<end_of_turn>', '<|end|>', '<|endoftext|>', '<|end_of_text|>'],
  ...['<end_of_utterance>', '<｜end▁of▁sentence｜>', '<|return|>', '<|call|>', '<EOT>'],
]);

type Metadata = ReadonlyMap<string, GgufValue>;

/**
 * The tokenizer that a GGUF file's metadata describes, as a tokenizer.json would: `gpt2` (byte-level, with merges) and
 * `llama` (SentencePiece pairs, merged by score, with byte fallback).
 * @throws AttsError `checkpoint`
 */
export function ggufTokenizer(metadata: Metadata, source: string): TokenizerFile {
  const bad = (what: string) => new AttsError('checkpoint', `${source}: ${what}`);
  const model = metadata.get('tokenizer.ggml.model');
  if (model !== 'gpt2' && model !== 'llama') {
    throw bad(`tokenizer ${JSON.stringify(model ?? null)} is not supported; gpt2 and llama are`);
  }
  const tokens = metadata.get('tokenizer.ggml.tokens');
  if (!isStrings(tokens) || tokens.length === 0) throw bad('it has no tokenizer.ggml.tokens');
  const kinds = numbersOf(metadata, 'tokenizer.ggml.token_type');
  if (kinds && kinds.length !== tokens.length) throw bad('it has another number of token types than of tokens');
  const kindOf = (id: number) => kinds?.[id] ?? kind.normal;
  const { parts, pairs, addsBos } =
    model === 'gpt2' ? byteLevel(metadata, tokens, kindOf, bad) : sentencePiece(metadata, tokens, kindOf, bad);
  const idOf = (name: string): number | null => {
    const id = metadata.get(`tokenizer.ggml.${name}_token_id`);
    return typeof id === 'number' && id < tokens.length ? id : null;
  };
  const bos = idOf('bos');
  const ends = parts.added_tokens.filter(({ content }) => turnEnds.has(content)).map(({ id }) => id);
  const stopIds = [idOf('eos'), idOf('eot'), idOf('eom'), ...ends].filter((id) => id !== null);
  const names = { bos_token: bos, eos_token: idOf('eos'), unk_token: idOf('unknown'), pad_token: idOf('padding') };
  const template = metadata.get('tokenizer.chat_template');
  return {
    source,
    parts,
    model: pairs,
    bosId: (metadata.get('tokenizer.ggml.add_bos_token') ?? addsBos) ? bos : null,
    stopIds: [...new Set(stopIds)],
    chatTemplate: typeof template === 'string' ? template : null,
    templateTokens: Object.fromEntries(
      Object.entries(names).flatMap(([name, id]) => (id === null ? [] : [[name, tokens[id]]])),
    ),
  };
}

type KindOf = (id: number) => number;
type Bad = (what: string) => AttsError;

function byteLevel(metadata: Metadata, tokens: readonly string[], kindOf: KindOf, bad: Bad) {
  const pre = metadata.get('tokenizer.ggml.pre') ?? 'default';
  const preTokenizer = preTokenizers.get(String(pre));
  if (!preTokenizer) {
    const known = [...preTokenizers.keys()].join(', ');
    throw bad(`pre-tokenizer ${JSON.stringify(pre)} is not known; known are ${known}`);
  }
  const idOf = idsOf(tokens, (id) => kindOf(id) === kind.normal || kindOf(id) === kind.byte);
  const merges = metadata.get('tokenizer.ggml.merges');
  if (!isStrings(merges) || !merges.every((merge) => isMerge(merge, idOf))) {
    throw bad('its tokenizer.ggml.merges are not pairs of its tokens');
  }
  const byteLevelParts = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
  const splits = preTokenizer.patterns.map((pattern) => ({
    ...{ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
  }));
  const parts: TokenizerParts = {
    added_tokens: addedTokens(tokens, kindOf),
    normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...splits, byteLevelParts] },
    post_processor: null,
    decoder: byteLevelParts,
  };
  const { ignoreMerges, addsBos } = preTokenizer;
  const pairs: PairModel = {
    ...{ idOf, merges, rankOf: ranksOf(merges), ignoreMerges, byteFallback: false, unknown: null },
  };
  return { parts, pairs, addsBos };
}

function sentencePiece(metadata: Metadata, tokens: readonly string[], kindOf: KindOf, bad: Bad) {
  const scores = numbersOf(metadata, 'tokenizer.ggml.scores');
  if (scores?.length !== tokens.length) throw bad('it has another number of tokenizer.ggml.scores than of tokens');
  const pieces = [kind.normal, kind.byte, kind.unknown];
  const idOf = idsOf(tokens, (id) => pieces.includes(kindOf(id)));
  const unknown = metadata.get('tokenizer.ggml.unknown_token_id');
  const addsSpace = metadata.get('tokenizer.ggml.add_space_prefix') ?? true;
  const replaceSpaces = { type: 'Replace', pattern: { String: ' ' }, content: spaceMark };
  const parts: TokenizerParts = {
    added_tokens: addedTokens(tokens, kindOf).map((token) => ({
      ...token,
      content: token.special ? token.content : token.content.replaceAll(spaceMark, ' '),
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: addsSpace ? [{ type: 'Prepend', prepend: spaceMark }, replaceSpaces] : [replaceSpaces],
    },
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
  };
  const scoreOf = new Map<string, number>();
  for (const [token, id] of idOf) if (kindOf(id) === kind.normal) scoreOf.set(token, scores[id]);
  const pairs: PairModel = {
    ...{ idOf, merges: [], rankOf: ranksByScore(scoreOf), ignoreMerges: false, byteFallback: true },
    unknown: typeof unknown === 'number' ? (tokens[unknown] ?? null) : null,
  };
  return { parts, pairs, addsBos: true };
}

/** Where a string occurs twice its first id counts. */
function idsOf(tokens: readonly string[], isWanted: (id: number) => boolean): Map<string, number> {
  const idOf = new Map<string, number>();
  tokens.forEach((token, id) => {
    if (isWanted(id) && !idOf.has(token)) idOf.set(token, id);
  });
  return idOf;
}

function addedTokens(tokens: readonly string[], kindOf: KindOf) {
  return tokens.flatMap((content, id) =>
    content !== '' && (kindOf(id) === kind.control || kindOf(id) === kind.user)
      ? [{ id, content, special: kindOf(id) === kind.control, normalized: false }]
      : [],
  );
}

function isStrings(value: GgufValue | undefined): value is readonly string[] {
  return Array.isArray(value);
}

function numbersOf(metadata: Metadata, key: string): ArrayLike<number> | null {
  const value = metadata.get(key);
  return value instanceof Float32Array || value instanceof Int32Array || value instanceof Uint32Array ? value : null;
}
