/** The tokenizers of @xenova/transformers without its image and inference parts, which load native libraries. */
declare module '@xenova/transformers/src/tokenizers.js' {
  export { PreTrainedTokenizer } from '@xenova/transformers';
}
