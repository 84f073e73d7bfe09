import swagger from '@fastify/swagger';
import { createJsonSchemaTransform } from 'fastify-type-provider-zod';
import { describeVersions } from '../runs/machine.js';
import type { App } from './context.js';

/** Describes the routes that are registered after it, from the schemas that judge their requests. */
export async function describeRoutes(app: App, needsKey: boolean): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'atts',
        version: describeVersions().atts,
        description: 'Models and asynchronous test-time scaling, in the protocols of OpenAI, vLLM and SGLang.',
      },
      ...(needsKey
        ? {
            components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
            security: [{ key: [] }],
          }
        : {}),
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig: { unrepresentable: 'any' } }),
  });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}
