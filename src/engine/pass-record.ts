/** What one forward pass of a local engine did. */
export interface PassRecord {
  /** `rows` tokens of a sequence after `cached` ones that were in the KV cache. */
  readonly sequences: readonly { readonly cached: number; readonly rows: number }[];
  /** Rows whose logits were made and sampled from. */
  readonly sampled: number;
  /** Rows whose next token's log-probability was asked for. */
  readonly scored: number;
  /** Milliseconds, on the clock of `performance.now()`. */
  readonly started: number;
  /** KV pages that sequences hold. */
  readonly pages: number;
  /** Choosing and settling its requests left out. */
  readonly seconds: number;
  /**
   * Seconds before it in which the device had requests and ran no pass: settling the last pass, whatever waited for its
   * results, and choosing this one.
   */
  readonly hostSeconds: number;
  /** Requests that ended with the pass before it on its device. */
  readonly ended: number;
}

export type PassListener = (pass: PassRecord) => void;
