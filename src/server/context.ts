import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Solver } from '../scaling/solve.js';
import type { Admission } from './admission.js';
import type { Metrics } from './metrics.js';
import type { ServedModels } from './models.js';

/** The server as routes see it: bodies have the types of their schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What all routes share. */
export interface ServerContext {
  readonly models: ServedModels;
  readonly admission: Admission;
  readonly metrics: Metrics;
  /** Answers with the whole method, where the server has a pair of models. */
  readonly solver: Solver | null;
  /** False from a failure of an engine to its next success. */
  readonly isWell: () => boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Raised when the client has gone before it was answered. */
    closed: AbortSignal;
  }
}
