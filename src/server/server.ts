import { createHash, timingSafeEqual } from 'node:crypto';
import fastify, { type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { Engine } from '../engine/engine.js';
import { batchLimits } from '../engine/local/batching.js';
import { Solver, type SolverOptions } from '../scaling/solve.js';
import { openGrader } from '../tasks/grader.js';
import { Admission } from './admission.js';
import type { App, ServerContext } from './context.js';
import { asHttpError, errorBody, HttpError, invalid, logFailure } from './errors.js';
import { acceptJson } from './json-body.js';
import { MeteredEngine } from './metered-engine.js';
import { Metrics } from './metrics.js';
import { ServedModels, servedModel } from './models.js';
import { describeRoutes } from './openapi.js';
import { chatRoute } from './routes/chat.js';
import { completionsRoute } from './routes/completions.js';
import { generateRoute } from './routes/generate.js';
import { infoRoutes } from './routes/info.js';
import { methodModel } from './routes/method.js';
import { tokenizeRoutes } from './routes/tokenize.js';

export interface ServerOptions {
  /** The models to serve, by role; the target is meant where a request names none. */
  readonly engines: { readonly target: Engine; readonly draft?: Engine };
  /** How the model `atts` answers; it is there where there is a draft. */
  readonly method?: Pick<SolverOptions, 'config' | 'bank'>;
  /** What requests must bear; null: nothing. */
  readonly apiKey?: string | null;
  /** Most engine calls that wait while the batch is full; requests beyond are told to come again. */
  readonly maxQueue?: number;
  /** Largest body, bytes. */
  readonly bodyLimit?: number;
  /** Where to log, a JSON document a line: failures of the server's own, or also every request. No line has a text of one. */
  readonly log?: { readonly level: 'error' | 'info'; readonly stream: { write(line: string): void } };
}

/** A server that is not listening yet. */
export interface Server {
  readonly app: App;
  /** Names of the models. */
  readonly models: readonly string[];
  /** From now on new requests are refused; resolves when those under way have ended. */
  drain(): Promise<void>;
}

/** How long a client may take to send its request, milliseconds. */
const requestTimeout = 30_000;

/** Paths that need no key. */
const openPaths = new Set(['/health']);

/** @throws AttsError `usage` for a rule of the method that needs what a server does not have */
export async function buildServer(options: ServerOptions): Promise<Server> {
  const { engines, method, apiKey = null, maxQueue = 1024, bodyLimit = 4 * 2 ** 20, log } = options;
  const metrics = new Metrics();
  const admission = new Admission(batchLimits.maxSequences, maxQueue);
  const target = new MeteredEngine(engines.target, metrics);
  const draft = engines.draft && new MeteredEngine(engines.draft, metrics);
  const metered = draft && draft.model.id !== target.model.id ? [target, draft] : [target];
  const models = new ServedModels(metered.map(servedModel));
  const solver = draft && method ? new Solver({ ...method, draft, target }) : null;
  // What the first question would have to wait for.
  if (solver) await openGrader();
  const isWell = () => metered.every((engine) => engine.isWell);
  const context: ServerContext = { models, admission, metrics, solver, isWell };
  metrics.watch(new Map(metered.map((engine) => [engine.model.id, engine])));
  metrics.watchNumber('atts_admitted_calls', 'Calls of requests under way', () => admission.calls);
  metrics.watchNumber('atts_refused_requests', 'Requests that were told to come again', () => admission.refused);
  const app: App = fastify({
    ...{ bodyLimit, requestTimeout, forceCloseConnections: true },
    frameworkErrors({ code }, _request, reply: FastifyReply) {
      void reply.code(400).send(errorBody(new HttpError(400, 'the request is not valid HTTP', { code })));
    },
    logger: log ? { ...log, base: null } : false,
    // Its own lines have URLs and addresses.
    logController: new LogController({ disableRequestLogging: true }),
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler<z.ZodType>(({ schema }) => (body) => {
    const parsed = schema.safeParse(body);
    return parsed.success ? { value: parsed.data } : { error: invalid(parsed.error.issues) };
  });
  app.setSerializerCompiler(serializerCompiler);
  acceptJson(app);
  let isDraining = false;
  guardRequests(app, apiKey, () => isDraining);
  observeRequests(app, metrics);
  tellErrors(app);
  await describeRoutes(app, apiKey !== null);
  for (const route of [completionsRoute, chatRoute, generateRoute, tokenizeRoutes, infoRoutes]) route(app, context);
  await app.ready();
  return {
    app,
    models: [...models.all.map(({ id }) => id), ...(solver ? [methodModel] : [])],
    async drain() {
      isDraining = true;
      await admission.settled();
    },
  };
}

/** Refuses requests without the key, and all of them once the server is about to end. */
function guardRequests(app: App, apiKey: string | null, isDraining: () => boolean): void {
  app.decorateRequest('closed');
  app.addHook('onRequest', async (request, reply) => {
    const controller = new AbortController();
    request.closed = controller.signal;
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) controller.abort();
    });
    if (isDraining()) {
      throw new HttpError(503, 'the server is about to end', { headers: { connection: 'close' } });
    }
    if (apiKey !== null && !openPaths.has(request.url) && !bears(request, apiKey)) {
      throw new HttpError(401, 'give the key of this server: Authorization: Bearer …', { code: 'invalid_api_key' });
    }
  });
}

/** Counts requests and logs them by route: paths that no route has are strangers' words. */
function observeRequests(app: App, metrics: Metrics): void {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    const { statusCode, elapsedTime } = reply;
    metrics.requests.inc({ route, status: String(statusCode) });
    metrics.requestSeconds.observe({ route }, elapsedTime / 1000);
    request.log.info({ method: request.method, route, status: statusCode, ms: Math.round(elapsedTime) }, 'answered');
  });
}

function tellErrors(app: App): void {
  app.setErrorHandler((error, request, reply) => {
    const told = asHttpError(error);
    logFailure(request, error);
    return reply.code(told.status).headers(told.headers).type('application/json').send(errorBody(told));
  });
  app.setNotFoundHandler(() => {
    throw new HttpError(404, 'there is no such route; GET /openapi.json tells those that there are');
  });
}

function bears({ headers }: FastifyRequest, apiKey: string): boolean {
  const given = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(apiKey));
}
