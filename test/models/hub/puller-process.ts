/** A process of its own that pulls org/tiny into a cache, for tests that kill it or run several: ENDPOINT CACHE */
import { pull } from '../../../models/hub/pull.js';

const [endpoint, cache] = process.argv.slice(2);
const repository = { kind: 'model' as const, name: 'org/tiny' };
await pull(repository, { endpoint, cache, token: null, retryDelay: 5, select: (files) => files });
