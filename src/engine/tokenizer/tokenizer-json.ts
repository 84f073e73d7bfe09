import { z } from 'zod';
import { AttsError } from '../../errors.js';
import { type PairModel, ranksOf } from './pair-model.js';
import { type Alphabet, spaceMark } from './token-bytes.js';

/** Ids beyond it would be a vocabulary of more than 16 million. */
const largestId = 2 ** 24;
/** Published patterns have up to a thousand characters. */
const longestPattern = 10_000;
const mostReplacements = 4;
const deepestSequence = 4;

const componentSchema = z.looseObject({ type: z.string() });
type Component = z.infer<typeof componentSchema>;

const addedTokenSchema = z.looseObject({
  id: z.int().min(0).max(largestId),
  content: z.string().min(1),
  special: z.boolean().default(false),
});

export type AddedToken = z.infer<typeof addedTokenSchema>;

/** What tokenizer.json does around the merging, part by part. */
export interface TokenizerParts {
  readonly added_tokens: readonly AddedToken[];
  readonly normalizer: Component | null;
  readonly pre_tokenizer: Component | null;
  readonly post_processor: Component | null;
  readonly decoder: Component | null;
}

const documentSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema).default([]),
  normalizer: componentSchema.nullish().transform((value) => value ?? null),
  pre_tokenizer: componentSchema.nullish().transform((value) => value ?? null),
  post_processor: componentSchema.nullish().transform((value) => value ?? null),
  decoder: componentSchema.nullish().transform((value) => value ?? null),
  model: z.looseObject({
    type: z.string().optional(),
    unk_token: z.string().nullish(),
    ignore_merges: z.boolean().nullish(),
    byte_fallback: z.boolean().nullish(),
    end_of_word_suffix: z.literal('').nullish(),
    continuing_subword_prefix: z.literal('').nullish(),
  }),
});

/**
 * The document checked: byte-pair models whose every part is known and keeps the text.
 * @throws AttsError `checkpoint`
 */
export function parseTokenizerJson(document: unknown, source: string): { parts: TokenizerParts; model: PairModel } {
  const bad = (what: string) => new AttsError('checkpoint', `${source}: ${what}`);
  const parsed = documentSchema.safeParse(document);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw bad(`not a tokenizer that can be used: ${path.join('.') || 'the document'}: ${message}`);
  }
  const { model, ...parts } = parsed.data;
  // Files of older releases do not name the model's type.
  const type = model.type ?? ('merges' in model ? 'BPE' : 'unnamed');
  if (type !== 'BPE') throw bad(`its model is ${show(type)}, which is not supported; byte-pair encodings (BPE) are`);
  const { vocab } = model;
  if (!isRecord(vocab)) throw bad('its model has no vocabulary');
  const idOf = new Map<string, number>();
  const tokenOf = new Map<number, string>();
  for (const [token, id] of Object.entries(vocab)) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > largestId) {
      throw bad(`token ${show(token)} has the id ${show(id)}`);
    }
    if (tokenOf.has(id)) throw bad(`two tokens have the id ${id}`);
    tokenOf.set(id, token);
    idOf.set(token, id);
  }
  for (const { id, content } of parts.added_tokens) {
    if ((tokenOf.get(id) ?? content) !== content) throw bad(`two tokens have the id ${id}`);
    if ((idOf.get(content) ?? id) !== id) throw bad(`token ${show(content)} has two ids`);
    tokenOf.set(id, content);
  }
  const pairs = Array.isArray(model.merges) ? model.merges.map(pairText) : [null];
  if (!pairs.every((pair) => isMerge(pair, idOf))) throw bad('its merges are not pairs of tokens of the vocabulary');
  checkNormalizer(componentsOf(parts.normalizer, 'normalizers'), bad);
  checkPreTokenizer(componentsOf(parts.pre_tokenizer, 'pretokenizers'), bad);
  const { unk_token: unknown = null, ignore_merges: ignoreMerges, byte_fallback: byteFallback } = model;
  const merging = { idOf, merges: pairs, rankOf: ranksOf(pairs), unknown };
  return { parts, model: { ...merging, ignoreMerges: ignoreMerges === true, byteFallback: byteFallback === true } };
}

/** @throws AttsError `checkpoint` where the strings of the vocabulary are neither bytes nor SentencePiece */
export function alphabetOf(parts: TokenizerParts, source: string): Alphabet {
  const decoders = componentsOf(parts.decoder, 'decoders');
  const preTokenizers = componentsOf(parts.pre_tokenizer, 'pretokenizers');
  const has = (type: string) => [...decoders, ...preTokenizers].some((component) => component.type === type);
  if (has('ByteLevel')) return 'byte-level';
  const marksSpaces = ({ type, content }: Component) => type === 'Replace' && content === spaceMark;
  if (has('Metaspace') || componentsOf(parts.normalizer, 'normalizers').some(marksSpaces)) return 'sentencepiece';
  throw new AttsError('checkpoint', `${source}: its tokens are neither byte-level nor SentencePiece pieces`);
}

/**
 * The same tokenizer for text that goes on from other text: no space is put before it, and what looks like a control
 * token is text.
 */
export function insideOf(parts: TokenizerParts): TokenizerParts {
  const withoutSpace = (component: Component): Component => {
    switch (component.type) {
      case 'ByteLevel':
        return { ...component, add_prefix_space: false };
      case 'Metaspace':
        return { ...component, add_prefix_space: false, prepend_scheme: 'never' };
      default:
        return component;
    }
  };
  const normalizers = componentsOf(parts.normalizer, 'normalizers').filter(({ type }) => type !== 'Prepend');
  const pretokenizers = componentsOf(parts.pre_tokenizer, 'pretokenizers').map(withoutSpace);
  return {
    ...parts,
    added_tokens: parts.added_tokens.filter(({ special }) => !special),
    normalizer: normalizers.length === 0 ? null : { type: 'Sequence', normalizers },
    pre_tokenizer: pretokenizers.length === 0 ? null : { type: 'Sequence', pretokenizers },
  };
}

/** A component's parts in order, sequences opened; what is nested deeper than any published file stays a sequence. */
function componentsOf(root: Component | null, list: string, depth = 0): Component[] {
  if (root === null) return [];
  if (root.type !== 'Sequence') return [root];
  const inner = depth < deepestSequence ? z.array(componentSchema).safeParse(root[list]) : null;
  return inner?.success ? inner.data.flatMap((part) => componentsOf(part, list, depth + 1)) : [{ type: 'Sequence' }];
}

type Bad = (what: string) => AttsError;

function checkNormalizer(components: readonly Component[], bad: Bad): void {
  const known = ['NFC', 'NFD', 'NFKC', 'NFKD', 'Prepend', 'Replace', 'Strip', 'Lowercase'];
  for (const component of components) {
    if (!known.includes(component.type)) throw bad(`normalizer ${show(component.type)} is not supported`);
    if (component.type !== 'Replace') continue;
    checkPattern(component, bad);
    // One that makes text longer could be repeated until memory ends.
    const { content } = component;
    if (typeof content !== 'string' || content.length > 1) throw bad('a Replace normalizer has a long replacement');
  }
  const replacements = components.filter(({ type }) => type === 'Replace').length;
  if (replacements > mostReplacements) throw bad(`it has ${replacements} Replace normalizers`);
}

function checkPreTokenizer(components: readonly Component[], bad: Bad): void {
  const known = ['ByteLevel', 'Split', 'Digits', 'Punctuation', 'Metaspace'];
  for (const component of components) {
    if (!known.includes(component.type)) throw bad(`pre-tokenizer ${show(component.type)} is not supported`);
    if (component.type !== 'Split') continue;
    checkPattern(component, bad);
    if (component.behavior === 'Removed' && component.invert !== true) {
      throw bad('a Split pre-tokenizer removes text, which is not supported');
    }
  }
}

function checkPattern({ type, pattern }: Component, bad: Bad): void {
  const { Regex, String: literal } = isRecord(pattern) ? pattern : {};
  const text = Regex ?? literal;
  if (typeof text !== 'string' || text === '' || text.length > longestPattern) {
    throw bad(`a ${type} has no pattern of up to ${longestPattern} characters`);
  }
}

/** A merge as one string, whichever way the file has it; null for what is none. */
function pairText(merge: unknown): string | null {
  if (typeof merge === 'string') return merge;
  const isPair = Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string');
  return isPair ? merge.join(' ') : null;
}

/** Two strings with a space between whose union is a token. */
export function isMerge(pair: string | null, idOf: ReadonlyMap<string, number>): pair is string {
  const space = pair?.indexOf(' ', 1) ?? -1;
  return pair !== null && space > 0 && idOf.has(pair.slice(0, space) + pair.slice(space + 1));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value of the file as it may stand in an error line. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'none';
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
}
