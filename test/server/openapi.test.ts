import { expect } from 'chai';
import { openServed, type Served } from './served.js';

interface Operation {
  readonly requestBody?: {
    readonly content: Record<string, { schema: { properties: object; additionalProperties: boolean } }>;
  };
  readonly responses: Record<string, { content: Record<string, object> }>;
}

describe('GET /openapi.json', () => {
  let served: Served;
  before(async () => {
    served = await openServed();
  });
  after(() => served.close());

  it('describes every route with the schemas that judge its requests', async () => {
    const document = (await served.app.inject('/openapi.json')).json<{
      openapi: string;
      paths: Record<string, Record<string, Operation>>;
    }>();
    expect(document.openapi).to.equal('3.1.0');
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(routes.sort()).to.deep.equal([
      ...['get /get_model_info', 'get /health', 'get /metrics', 'get /v1/models', 'post /detokenize', 'post /generate'],
      ...['post /tokenize', 'post /v1/chat/completions', 'post /v1/completions'],
    ]);
    for (const path of ['/v1/completions', '/v1/chat/completions', '/generate', '/tokenize', '/detokenize']) {
      const { requestBody, responses } = document.paths[path].post;
      const schema = requestBody?.content['application/json'].schema;
      expect(schema?.additionalProperties, path).to.equal(false);
      expect(Object.keys(responses), path).to.include.members(['200', '400', '404', '429', '500', '503']);
      // What the description does not name the server refuses.
      expect(schema?.properties).not.to.have.property('no_such_parameter');
      expect((await served.ask(path, { no_such_parameter: 1 })).status).to.equal(400);
    }
    expect(Object.keys(document.paths['/v1/completions'].post.responses['200'].content)).to.deep.equal([
      ...['application/json', 'text/event-stream'],
    ]);
  });
});
