/** One question with its gold answer. `id` is unique in its dataset. */
export interface Problem {
  readonly id: string;
  readonly problem: string;
  /** Of a multiple-choice question, the letter of the right option. */
  readonly answer: string;
  /** The options of a multiple-choice question: A, B, … */
  readonly choices?: Choices;
}

export interface Choices {
  /** In the order in which they are shown. */
  readonly texts: readonly string[];
  /** Where each stands in the data set, from 0. */
  readonly order: readonly number[];
}

export interface Dataset {
  readonly name: string;
  readonly problems: readonly Problem[];
  /** SHA-256 of the problems, hex: two datasets with equal hashes ask the same questions. */
  readonly hash: string;
  /** Where a data set by name was taken from. */
  readonly source?: DatasetSource;
  /** What a user should know of it: problems set aside, asked twice, or left out. */
  readonly notes?: readonly string[];
}

export interface DatasetSource {
  /** `org/name` of a hub. */
  readonly repository: string;
  /** Commit. */
  readonly revision: string;
  readonly files: readonly string[];
}
