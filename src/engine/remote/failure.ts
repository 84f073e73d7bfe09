import { AttsError } from '../../errors.js';
import { retryAfter } from '../../retry-after.js';

/**
 * Why an attempt at a call failed that another attempt may cure.
 * - `unreachable`: nothing listens there.
 * - `busy`: the server asks to come again later.
 * - `broken`: a cut or silent connection, a server's error, a body that is no JSON.
 * - `bad-answer`: an answer that says something else than was asked.
 */
export type FailureKind = 'unreachable' | 'busy' | 'broken' | 'bad-answer';

export class Transient extends Error {
  readonly kind: FailureKind;
  /** Milliseconds that the server asks to wait. */
  readonly pause: number | null;

  constructor(
    kind: FailureKind,
    message: string,
    { pause = null as number | null, cause = undefined as unknown } = {},
  ) {
    super(message, { cause });
    this.kind = kind;
    this.pause = pause;
  }
}

/** Another attempt will not do what was asked; code `usage` where the request itself is at fault, not who serves it. */
export class Refused extends AttsError {
  constructor(message: string, code: 'usage' | 'engine' = 'engine') {
    super(code, message);
  }
}

const unreachable = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN']);
unreachable.add('UND_ERR_CONNECT_TIMEOUT');

/** What became of a connection. */
export function failureOf(cause: unknown): Transient {
  if (cause instanceof Transient) return cause;
  const { code, message } = innermost(cause);
  const why = code ?? oneLine(message);
  return new Transient(code !== undefined && unreachable.has(code) ? 'unreachable' : 'broken', why, { cause });
}

/** Several addresses of a name fail together. */
function innermost(cause: unknown): NodeJS.ErrnoException {
  if (cause instanceof AggregateError && cause.errors.length > 0) return innermost(cause.errors[0]);
  return cause instanceof Error ? cause : new Error(String(cause));
}

/** A server does not take our key. */
export class Locked extends AttsError {}

export interface Reply {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly text: string;
}

/**
 * The document of a reply.
 * @throws Transient; Refused; Locked
 */
export function documentOf(base: string, { status, retryAfter: header, text }: Reply): unknown {
  if (status >= 200 && status < 300) {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new Transient('broken', 'its answer is no JSON', { cause });
    }
  }
  const says = reasonIn(text);
  const line = `answers ${status}${says === '' ? '' : `: ${says}`}`;
  if (status === 401 || status === 403) {
    throw new Locked('engine', `${base} ${line}; its key goes into an environment variable (?key=NAME)`);
  }
  // An account without credit is told with the status of a busy server.
  if (status === 408 || status === 425 || (status === 429 && !/insufficient_quota/.test(text))) {
    throw new Transient('busy', line, { pause: retryAfter(header) });
  }
  if (status >= 500 && status !== 501) throw new Transient('broken', line, { pause: retryAfter(header) });
  const isRequest = status === 400 || status === 413 || status === 422;
  throw new Refused(`${base} ${line}`, isRequest ? 'usage' : 'engine');
}

/** What a server says of an error, in whichever of the usual places. */
function reasonIn(text: string): string {
  let said: unknown;
  try {
    const document = JSON.parse(text) as Record<string, unknown>;
    const { error } = document;
    said = (error as { message?: unknown } | null)?.message ?? error ?? document.message ?? document.detail;
  } catch {
    return '';
  }
  return said === undefined ? '' : oneLine(typeof said === 'string' ? said : JSON.stringify(said));
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}
