import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HubServer } from './server.js';

/** A hub of our own and an empty cache for the tests of the suite, by the variables that every tool of the hub reads. */
export function hubEnvironment(): { server: HubServer; cache: string } {
  const hub = { server: new HubServer(), cache: '' };
  const names = ['HF_ENDPOINT', 'HF_HUB_CACHE', 'HF_HOME', 'HF_TOKEN', 'HF_HUB_OFFLINE'];
  const before_ = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  before(async () => {
    await hub.server.start();
    hub.cache = mkdtempSync(join(tmpdir(), 'atts-hub-'));
    for (const name of names) delete process.env[name];
    process.env.HF_ENDPOINT = hub.server.url;
    process.env.HF_HUB_CACHE = hub.cache;
  });
  after(() => {
    hub.server.stop();
    rmSync(hub.cache, { recursive: true, force: true });
    for (const name of names) {
      if (before_[name] === undefined) delete process.env[name];
      else process.env[name] = before_[name];
    }
  });
  return hub;
}
