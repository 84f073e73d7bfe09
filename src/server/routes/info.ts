import { z } from 'zod';
import { describeVersions } from '../../runs/machine.js';
import type { App, ServerContext } from '../context.js';
import { HttpError } from '../errors.js';
import { errors } from '../schemas/common.js';
import { methodModel } from './method.js';

const modelSchema = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  /** The checkpoint that answers. */
  root: z.string(),
  max_model_len: z.int(),
});

/** What /get_model_info tells besides SGLang's: enough to know whether two servers give the same bits. */
const modelInfoSchema = z.object({
  model_path: z.string(),
  tokenizer_path: z.string(),
  is_generation: z.literal(true),
  max_model_len: z.int(),
  family: z.string(),
  parameters: z.int(),
  dtype: z.string(),
  backend: z.string(),
  build: z.string(),
  weights_sha256: z.string(),
  tokenizer_sha256: z.string(),
  version: z.string(),
});

/** What there is, whether it is well, and what it is doing. */
export function infoRoutes(app: App, { models, metrics, solver, isWell }: ServerContext): void {
  const created = Math.floor(Date.now() / 1000);
  const list = models.all.map(({ id, contextLength }) => ({
    ...{ id, object: 'model' as const, created, owned_by: 'atts', root: id, max_model_len: contextLength },
  }));
  if (solver) list.push({ ...list[0], id: methodModel });
  app.get(
    '/v1/models',
    {
      schema: {
        summary: 'The models that there are',
        tags: ['OpenAI'],
        response: { 200: z.object({ object: z.literal('list'), data: z.array(modelSchema) }), 401: errors[401] },
      },
    },
    async () => ({ object: 'list' as const, data: list }),
  );
  app.get(
    '/health',
    {
      schema: {
        summary: 'Whether requests are taken and answered',
        tags: ['server'],
        response: { 200: z.object({ status: z.literal('ok') }), 503: errors[503] },
      },
    },
    async () => {
      if (!isWell()) throw new HttpError(503, 'an engine has failed; start the server anew');
      return { status: 'ok' as const };
    },
  );
  app.get(
    '/get_model_info',
    {
      schema: {
        summary: 'What the first model is',
        tags: ['SGLang'],
        response: { 200: modelInfoSchema, 401: errors[401] },
      },
    },
    async () => {
      const [{ id, engine, contextLength }] = models.all;
      const { family, parameters, dtype, backend, build, hash, fingerprint } = engine.model;
      return {
        ...{ model_path: id, tokenizer_path: id, is_generation: true as const, max_model_len: contextLength },
        ...{ family, parameters, dtype, backend, build, weights_sha256: hash, tokenizer_sha256: fingerprint },
        version: describeVersions().atts,
      };
    },
  );
  app.get(
    '/metrics',
    {
      schema: {
        summary: 'Counters and gauges, in the text format of Prometheus',
        tags: ['server'],
        response: {
          200: { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } },
          401: errors[401],
        },
      },
    },
    async (_request, reply) => {
      const text = await metrics.registry.metrics();
      return reply.type(metrics.registry.contentType).serializer(String).send(text);
    },
  );
}
