/**
 * The one error class of the project. Its message is a single line that says what is wrong, where, and what to do;
 * the command line prints that line and nothing else (a stack trace only with --verbose).
 */
export class AttsError extends Error {
  /** Usage errors end a command with exit code 2, all others with 1. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'AttsError';
    this.code = code;
  }

  get exitCode(): number {
    return this.code === 'usage' ? 2 : 1;
  }
}

/** `engine`: a model cannot serve calls; `length`: it can, but not one of so many tokens. */
export type ErrorCode = 'usage' | 'config' | 'checkpoint' | 'dataset' | 'engine' | 'length' | 'score' | 'run' | 'io';
