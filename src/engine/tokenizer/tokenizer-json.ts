import { z } from 'zod';
import { AttsError } from '../../errors.js';
import { type Alphabet, spaceMark } from './token-bytes.js';

/** Ids beyond it would be a vocabulary of more than 16 million. */
const largestId = 2 ** 24;
/** Published patterns have up to a thousand characters. */
const longestPattern = 10_000;
const mostReplacements = 4;

const componentSchema = z.looseObject({ type: z.string() });
type Component = z.infer<typeof componentSchema>;

const addedTokenSchema = z.looseObject({
  id: z.int().min(0).max(largestId),
  content: z.string().min(1),
  special: z.boolean().default(false),
});

/** tokenizer.json as far as it decides ids and text. */
export interface TokenizerJson {
  readonly added_tokens: readonly z.infer<typeof addedTokenSchema>[];
  readonly normalizer: Component | null;
  readonly pre_tokenizer: Component | null;
  readonly post_processor: Component | null;
  readonly decoder: Component | null;
  readonly model: {
    readonly type: 'BPE';
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly string[])[];
    readonly [option: string]: unknown;
  };
}

const documentSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema).default([]),
  normalizer: componentSchema.nullish().transform((value) => value ?? null),
  pre_tokenizer: componentSchema.nullish().transform((value) => value ?? null),
  post_processor: componentSchema.nullish().transform((value) => value ?? null),
  decoder: componentSchema.nullish().transform((value) => value ?? null),
  model: z.looseObject({ type: z.string().optional() }),
});

/**
 * The document checked: byte-pair models whose every part is known and keeps the text.
 * @throws AttsError `checkpoint`
 */
export function parseTokenizerJson(document: unknown, source: string): TokenizerJson {
  const bad = (what: string) => new AttsError('checkpoint', `${source}: ${what}`);
  const parsed = documentSchema.safeParse(document);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw bad(`not a tokenizer that can be used: ${path.join('.') || 'the document'}: ${message}`);
  }
  const { model, ...rest } = parsed.data;
  // Files of older releases do not name the model's type.
  const type = model.type ?? ('merges' in model ? 'BPE' : 'unnamed');
  if (type !== 'BPE') throw bad(`its model is ${show(type)}, which is not supported; byte-pair encodings (BPE) are`);
  const { vocab, merges } = model;
  if (!isRecord(vocab)) throw bad('its model has no vocabulary');
  const tokenOf = new Map<number, string>();
  for (const [token, id] of Object.entries(vocab)) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > largestId) {
      throw bad(`token ${show(token)} has the id ${show(id)}`);
    }
    if (tokenOf.has(id)) throw bad(`two tokens have the id ${id}`);
    tokenOf.set(id, token);
  }
  for (const { id, content } of rest.added_tokens) {
    if ((tokenOf.get(id) ?? content) !== content) throw bad(`two tokens have the id ${id}`);
    if (Object.hasOwn(vocab, content) && vocab[content] !== id) throw bad(`token ${show(content)} has two ids`);
    tokenOf.set(id, content);
  }
  if (!Array.isArray(merges) || !merges.every((merge) => isMerge(merge, vocab))) {
    throw bad('its merges are not pairs of tokens of the vocabulary');
  }
  checkNormalizer(componentsOf(rest.normalizer, 'normalizers'), bad);
  checkPreTokenizer(componentsOf(rest.pre_tokenizer, 'pretokenizers'), bad);
  return { ...rest, model: { ...model, type: 'BPE', vocab: vocab as Record<string, number>, merges } };
}

/** @throws AttsError `checkpoint` where the strings of the vocabulary are neither bytes nor SentencePiece */
export function alphabetOf(json: TokenizerJson, source: string): Alphabet {
  const decoders = componentsOf(json.decoder, 'decoders');
  const preTokenizers = componentsOf(json.pre_tokenizer, 'pretokenizers');
  const has = (type: string) => [...decoders, ...preTokenizers].some((component) => component.type === type);
  if (has('ByteLevel')) return 'byte-level';
  const marksSpaces = ({ type, content }: Component) => type === 'Replace' && content === spaceMark;
  if (has('Metaspace') || componentsOf(json.normalizer, 'normalizers').some(marksSpaces)) return 'sentencepiece';
  throw new AttsError('checkpoint', `${source}: its tokens are neither byte-level nor SentencePiece pieces`);
}

/**
 * The same tokenizer for text that goes on from other text: no space is put before it, and what looks like a control
 * token is text.
 */
export function insideOf(json: TokenizerJson): TokenizerJson {
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
  const normalizers = componentsOf(json.normalizer, 'normalizers').filter(({ type }) => type !== 'Prepend');
  const pretokenizers = componentsOf(json.pre_tokenizer, 'pretokenizers').map(withoutSpace);
  return {
    ...json,
    added_tokens: json.added_tokens.filter(({ special }) => !special),
    normalizer: normalizers.length === 0 ? null : { type: 'Sequence', normalizers },
    pre_tokenizer: pretokenizers.length === 0 ? null : { type: 'Sequence', pretokenizers },
  };
}

/** A component's parts in order, sequences opened. */
export function componentsOf(root: Component | null, parts: string): Component[] {
  if (root === null) return [];
  if (root.type !== 'Sequence') return [root];
  const inner = z.array(componentSchema).safeParse(root[parts]);
  return inner.success ? inner.data.flatMap((component) => componentsOf(component, parts)) : [{ type: 'Sequence' }];
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

/** A pair, as two strings or as one with a space between. */
export function isMerge(merge: unknown, vocab: Record<string, unknown>): boolean {
  const pair = typeof merge === 'string' ? merge.split(' ') : merge;
  if (!Array.isArray(pair) || pair.length !== 2) return false;
  const [left, right] = pair;
  return typeof left === 'string' && typeof right === 'string' && Object.hasOwn(vocab, left + right);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value of the file as it may stand in an error line. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'none';
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
}
