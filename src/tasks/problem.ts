/** One question with its gold answer. `id` is unique in its dataset. */
export interface Problem {
  readonly id: string;
  readonly problem: string;
  readonly answer: string;
}

export interface Dataset {
  readonly name: string;
  readonly problems: readonly Problem[];
  /** SHA-256 of the problems, hex: two datasets with equal hashes ask the same questions. */
  readonly hash: string;
}
