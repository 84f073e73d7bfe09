/**
 * Builds the page and serves it until it is interrupted.
 *
 *   node dist/experiments/browser/serve.js [--out runs/browser] [--port 8080]
 */
import { parseArgs } from 'node:util';
import { buildPage } from './build.js';
import { serveFolder } from './site.js';

const { values } = parseArgs({
  options: { out: { type: 'string', default: 'runs/browser' }, port: { type: 'string', default: '8080' } },
});
await buildPage(values.out);
const { url } = await serveFolder(values.out, Number(values.port));
process.stdout.write(`${values.out} is at ${url} (browsers need localhost or HTTPS); Ctrl-C ends it\n`);
