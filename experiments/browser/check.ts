/**
 * The page in headless Chromium, on SIMD and on WebGPU (a software adapter), at the widths of a desk and of a telephone:
 * it answers a problem with the very tokens that Node writes from the same seed (on SIMD with the very scores), it stops
 * when told to, nothing stands in the console as an error, nothing is asked of another origin, nothing scrolls sideways,
 * and axe-core finds nothing serious. Leaves screenshots in the folder.
 *
 *   node dist/experiments/browser/check.js [--out runs/browser] [--chromium /usr/bin/chromium]
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { type ChainRecord, openPair, readBankFile } from '../../src/index.js';
import { type Ask, answer, configOf } from './answer.js';
import { buildPage } from './build.js';
import type { FromWorker, PageBackend } from './messages.js';
import { serveFolder } from './site.js';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'runs/browser' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Puts aside what the page hears from its worker. */
const eavesdrop = `
  globalThis.heard = [];
  globalThis.Worker = class extends Worker {
    constructor(...how) {
      super(...how);
      this.addEventListener('message', ({ data }) => heard.push(data));
    }
  };`;
const samples = 8;
const problems: string[] = [];

await buildPage(values.out);
const { url, server } = await serveFolder(values.out);
const browser = await puppeteer.launch({
  executablePath: values.chromium,
  pipe: true,
  args: [
    ...['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    ...['--disable-component-update', '--disable-sync'],
    ...['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'],
  ],
});
try {
  for (const backend of ['simd', 'webgpu'] as const) await check(browser, backend);
} finally {
  await browser.close();
  server.close();
}
process.stdout.write(problems.length === 0 ? 'nothing found\n' : '');
for (const problem of problems) process.stdout.write(`- ${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function check(browser: Browser, backend: Exclude<PageBackend, 'auto'>): Promise<void> {
  const page = await browser.newPage();
  const told = (what: string) => problems.push(`${backend}: ${what}`);
  page.on('console', (message) => void (message.type() === 'error' && told(`console: ${message.text()}`)));
  page.on('pageerror', (error) => void told(`error: ${String(error)}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) told(`asks for ${request.url()}`);
  });
  await page.setBypassCSP(false);
  await page.evaluateOnNewDocument(eavesdrop);
  await page.setViewport({ width: 1280, height: 900 });
  // WebGPU is what the page takes by itself where there is an adapter.
  await page.goto(backend === 'webgpu' ? url : `${url}?backend=${backend}`);
  await inState(page, 'ready');
  await look(page, `${backend}-ready`, told);
  const started = performance.now();
  await page.click('#run');
  await page.waitForFunction(`heard.filter(({ type }) => type === 'event').length > 12`);
  await page.screenshot({ path: join(values.out, `${backend}-running.png`) });
  await inState(page, 'ready');
  const seconds = (performance.now() - started) / 1000;
  await page.click('summary');
  for (const width of [1280, 390]) {
    await page.setViewport({ width, height: 900 });
    await look(page, `${backend}-${width}`, told);
  }
  const heard = (await page.evaluate('heard')) as FromWorker[];
  const { ask, chains } = await asked(page, heard);
  await compare(backend, ask, chains, told);
  process.stdout.write(`${backend}: ${await page.$eval('#result', (element) => element.textContent)} (${seconds.toFixed(1)} s)\n`);
  await page.click('#run');
  await page.waitForFunction(`document.querySelectorAll('.bar').length > 4`);
  await page.click('#stop');
  await inState(page, 'ready');
  const status = await page.$eval('#status', (element) => element.textContent);
  if (status !== 'Stopped.') told(`says after Stop: ${status}`);
  await page.close();
}

async function inState(page: Page, state: string): Promise<void> {
  await page.waitForFunction(`['failed', '${state}'].includes(document.body.dataset.state)`, { timeout: 240_000 });
  const failure = await page.$eval('#failure', (element) => element.textContent);
  if (failure) throw new Error(`the page says: ${failure}`);
}

/** What a reader could stumble on. */
async function look(page: Page, name: string, told: (what: string) => void): Promise<void> {
  const across = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
  if (Number(across) > 0) told(`${name}: is ${across} px wider than the window`);
  await page.evaluate(axe);
  const { violations } = (await page.evaluate('axe.run()')) as {
    violations: { id: string; impact: string; help: string; nodes: { target: string[] }[] }[];
  };
  for (const { id, impact, help, nodes } of violations) {
    if (impact !== 'serious' && impact !== 'critical') continue;
    told(`${name}: axe ${id}: ${help} (${nodes.length}×, first ${nodes[0].target.join(' ')})`);
  }
  await page.screenshot({ path: join(values.out, `${name}.png`), fullPage: true });
}

async function asked(page: Page, heard: readonly FromWorker[]): Promise<{ ask: Ask; chains: ChainRecord[] }> {
  const problem = await page.$eval('#problem', (element) => (element as HTMLTextAreaElement).value);
  const chains = heard.flatMap((message) => (message.type === 'chain' ? [message.chain] : []));
  chains.sort((a, b) => a.sample - b.sample);
  return { ask: { problem, samples, rejectionRate: 0.4, seed: 0 }, chains };
}

/** The same question in Node, on SIMD. */
async function compare(backend: string, ask: Ask, ours: readonly ChainRecord[], told: (what: string) => void) {
  const { draft, target, close } = await openPair(configOf());
  const bank = await readBankFile(join(values.out, 'bank.json'));
  const quiet = { onWriting() {}, onEvent() {}, onChain() {} };
  const { chains } = await answer({ draft: draft!, target: target! }, bank, ask, quiet);
  await close();
  const essence = ({ chunks, answer, status }: ChainRecord) => ({
    ...{ answer, status },
    chunks: chunks.map(({ author, ids, rejected, text, score }) => ({
      ...{ author, ids, rejected, text },
      ...(backend === 'simd' ? { score } : {}),
    })),
  });
  const differing = chains.filter((chain, i) => JSON.stringify(essence(chain)) !== JSON.stringify(ours[i] && essence(ours[i])));
  if (ours.length !== samples || differing.length > 0) {
    told(`of ${ours.length} chains differ from Node's: ${differing.map(({ sample }) => sample).join(', ') || 'the number'}`);
  }
}
