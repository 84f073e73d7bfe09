import type { FastifyInstance } from 'fastify';
import { HttpError } from './errors.js';

/** Objects and lists within each other. */
const deepest = 16;
/** Fields, and elements that are not numbers; a list of token ids may be as long as the body allows. */
const mostValues = 50_000;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads bodies as strict UTF-8 and JSON, and refuses shapes that no request has before anything walks them. */
export function acceptJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    let text: string;
    try {
      text = utf8.decode(body as Buffer);
    } catch {
      done(new HttpError(400, 'the body is not UTF-8'));
      return;
    }
    parse(request, text, (error, value) => {
      const problem = error ? 'the body is not JSON' : shapeProblem(value);
      if (problem) done(new HttpError(400, problem));
      else done(null, value);
    });
  });
}

/** Why no request has such a body; null for one that may be one. */
function shapeProblem(body: unknown): string | null {
  let values = 0;
  let level: object[] = typeof body === 'object' && body !== null ? [body] : [];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > deepest) return `the body is nested more than ${deepest} deep`;
    const next: object[] = [];
    for (const parent of level) {
      const isList = Array.isArray(parent);
      for (const value of isList ? parent : Object.values(parent)) {
        if (isList && typeof value === 'number') continue;
        if (++values > mostValues) return `the body has more than ${mostValues} texts, lists and fields`;
        if (typeof value === 'object' && value !== null) next.push(value);
      }
    }
    level = next;
  }
  return null;
}
