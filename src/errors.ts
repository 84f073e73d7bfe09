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

/**
 * `engine`: a model cannot serve a call; `length`: it can, but not one of so many tokens; `device`: it can serve none any
 * more: it was closed, its device or thread is gone, or a forward pass failed.
 */
export type ErrorCode =
  | 'usage'
  | 'config'
  | 'checkpoint'
  | 'dataset'
  | 'engine'
  | 'length'
  | 'device'
  | 'score'
  | 'run'
  | 'io';

/** What ends the calls of a model that is closed: those under way and all that come later. */
export function wasClosed(model: string): AttsError {
  return new AttsError('device', `${model} was closed`);
}

/** The first line of what was thrown: below it drivers and loaders say what is for their makers. */
export function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0].trim();
}
