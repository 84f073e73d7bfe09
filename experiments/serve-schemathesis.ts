/**
 * Requests made from the server's own OpenAPI description, valid and not, by schemathesis: none may end in a 5xx, in a
 * status or content type that the description does not name, or in a body that it does not describe.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { listen, openEngine, runConfigSchema } from '../src/index.js';

if (isMainThread) {
  const [program, examples = '40'] = process.argv.slice(2);
  const folder = 'runs/serve-schemathesis';
  mkdirSync(folder, { recursive: true });
  // The server answers from a thread of its own while this one waits for the program.
  const worker = new Worker(fileURLToPath(import.meta.url));
  const [url] = (await once(worker, 'message')) as [string];
  const checks = 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance';
  const args = ['run', `${url}/openapi.json`, '--checks', checks, '--phases', 'examples,coverage,fuzzing'];
  const more = ['--max-examples', examples, '--seed', '1', '--request-timeout', '120', '--no-color'];
  const { status } = spawnSync(resolve(program), [...args, ...more, '--suppress-health-check', 'all'], {
    // It writes where it runs.
    ...{ stdio: 'inherit', cwd: folder },
  });
  process.exit(status ?? 1);
} else {
  // The smallest pair: what is under test is the door, not the models.
  const [draft, target] = await Promise.all(['abacus-llama-0.4m', 'abacus-llama-0.4m'].map((spec) => openEngine(spec)));
  const config = runConfigSchema.parse({ samples: 2, turns: 2 });
  const { url } = await listen({
    engines: { draft, target },
    method: { config, bank: null },
    host: '127.0.0.1',
    port: 0,
    log: { level: 'error', stream: { write: (line) => void writeSync(2, line) } },
  });
  parentPort?.postMessage(url);
}
