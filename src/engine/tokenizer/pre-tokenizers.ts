/**
 * How the byte-level vocabularies of GGUF files cut text before merging. A GGUF file only names it; the patterns are
 * those of the tokenizer.json files the names stand for, as llama.cpp lists them (src/llama-vocab.cpp).
 */
export interface PreTokenizer {
  /** Applied one after another: what one leaves uncut the next may cut. */
  readonly patterns: readonly string[];
  /** A piece that is a token as a whole is not merged from parts. */
  readonly ignoreMerges: boolean;
  /** What `add_bos_token` is where the file does not say. */
  readonly addsBos: boolean;
}

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const ends = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const endsWithSlash = ends.replace('[\\r\\n]*', '[\\r\\n/]*');
const word = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+';
/** Words that begin or end in a change from capitals to small letters. */
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const casedWord = (suffix: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${suffix}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${suffix}`;

const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const llama3 = `${contractions}|${word}|\\p{N}{1,3}|${ends}`;
const qwen2 = `${contractions}|${word}|\\p{N}|${ends}`;
const cjk = '[一-龥ࠀ-一가-퟿]+';

const plain = (...patterns: string[]): PreTokenizer => ({ patterns, ignoreMerges: false, addsBos: false });
const wholeWords = (...patterns: string[]): PreTokenizer => ({ patterns, ignoreMerges: true, addsBos: true });

const named: readonly (readonly [string, PreTokenizer])[] = [
  ['default', plain('[\\p{P}\\$\\+<=>\\^~\\|]+', gpt2, '\\p{N}+', '[0-9][0-9][0-9]')],
  ['gpt-2 phi-2 mpt olmo jais exaone4 trillion granite-docling', plain(gpt2)],
  ['starcoder refact command-r smollm codeshell exaone minerva-7b', plain('\\p{N}', gpt2)],
  ['llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2', wholeWords(llama3)],
  ['dbrx smaug-bpe glm4 chatglm-bpe', plain(llama3)],
  ['qwen2 deepseek-r1-qwen stablelm2 megrez hunyuan', plain(qwen2)],
  [
    'deepseek-llm',
    plain('[\\r\\n]', '\\s?[\\p{Lu}\\p{Ll}\\p{Lt}]+', '\\s?[!-/:-~！-／：-～‘-‟　-。]+', '\\s+$', cjk, '\\p{N}+'),
  ],
  ['deepseek-coder', plain('[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', cjk, '\\p{N}')],
  [
    'deepseek-v3 hunyuan-dense',
    plain(
      '\\p{N}{1,3}',
      '[一-龥぀-ゟ゠-ヿ]+',
      `[!"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_\`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
    ),
  ],
  ['falcon', plain('[\\p{P}\\$\\+<=>\\^~\\|`]+', gpt2, '[0-9][0-9][0-9]')],
  ['tekken', wholeWords(`${casedWord('')}|\\p{N}|${endsWithSlash}`)],
  ['gpt-4o llama4', plain(`${casedWord(`${contractions}?`)}|\\p{N}{1,3}|${endsWithSlash}`)],
];

/** By the names that `tokenizer.ggml.pre` may have. */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map(
  named.flatMap(([names, preTokenizer]) => names.split(' ').map((name) => [name, preTokenizer] as const)),
);
