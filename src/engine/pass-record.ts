/** What one forward pass of a local engine did. */
export interface PassRecord {
  /** `rows` tokens of a sequence after `cached` ones that were in the KV cache. */
  readonly sequences: readonly { readonly cached: number; readonly rows: number }[];
  /** Rows whose logits were made and sampled from. */
  readonly sampled: number;
  /** Rows whose next token's log-probability was asked for. */
  readonly scored: number;
  /** Choosing and settling its requests left out. */
  readonly seconds: number;
}

export type PassListener = (pass: PassRecord) => void;
