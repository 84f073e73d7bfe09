import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { AttsError } from '../errors.js';

/** What a client is told of an error, in the shape that OpenAI's clients read. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    /** The parameter that is at fault. */
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** A request that is answered with an error of its own. */
export class HttpError extends Error {
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    more: { param?: string; code?: string; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.param = more.param ?? null;
    this.code = more.code ?? null;
    this.headers = more.headers ?? {};
  }
}

/** @returns the error as a client is told of it; what went wrong inside is for the log alone, which has no text of a request */
export function asHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof AttsError) return ofEngine(error);
  const { statusCode, message, code } = (error ?? {}) as { statusCode?: number; message?: string; code?: string };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new HttpError(statusCode, (message ?? 'bad request').replace(/\s+/g, ' '), { code });
  }
  return new HttpError(500, 'the server failed; its log says why', { code: 'internal' });
}

function ofEngine({ code, message }: AttsError): HttpError {
  if (code === 'usage') return new HttpError(400, message);
  if (code === 'length') return new HttpError(400, message, { code: 'context_length_exceeded' });
  // Messages of tokenizers name their file.
  if (code === 'checkpoint') {
    return new HttpError(400, 'the tokenizer or chat template of this model cannot take the text of this request');
  }
  return new HttpError(500, 'the engine failed; the log of the server says why', { code });
}

/** What a schema finds wrong first, in words. */
export function invalid(issues: readonly z.core.$ZodIssue[]): HttpError {
  const issue = innermost(issues[0]);
  const path = issue.path.map(String).join('.').slice(0, 100);
  if (issue.code === 'unrecognized_keys') {
    const keys = issue.keys.map((key) => (path === '' ? key : `${path}.${key}`));
    const shown = keys.slice(0, 5).join(', ').slice(0, 200);
    return new HttpError(400, `not supported here: ${shown}; leave it out`, {
      ...{ param: keys[0].slice(0, 100), code: 'unsupported_parameter' },
    });
  }
  const message = issue.message.replace(/\s+/g, ' ').slice(0, 300);
  const where = path === '' ? {} : { param: path };
  return new HttpError(400, path === '' ? message : `${path}: ${message}`, { ...where, code: 'invalid_value' });
}

/** Of a value that may have several forms: what is wrong within the form that it has, where it has one. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const within = issue.errors.find(([first]) => first.path.length > 0 || first.code === 'unrecognized_keys')?.[0];
  return within ? innermost({ ...within, path: [...issue.path, ...within.path] }) : issue;
}

/** Tells the log of what is the server's own fault. A client that has gone is nobody's. */
export function logFailure(request: FastifyRequest, error: unknown): void {
  if (request.closed.aborted || asHttpError(error).status !== 500) return;
  request.log.error({ error: error instanceof Error ? error.message : String(error) }, 'a request failed');
}

export function errorBody({ status, message, param, code }: HttpError): ErrorBody {
  const type =
    status === 401
      ? 'authentication_error'
      : status === 429
        ? 'rate_limit_error'
        : status >= 500
          ? 'server_error'
          : 'invalid_request_error';
  return { error: { message, type, param, code } };
}
