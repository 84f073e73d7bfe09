/**
 * The page in headless Chromium, on SIMD and on WebGPU (a software adapter), at the widths of a desk and of a telephone:
 * it answers a problem with the very tokens that Node writes from the same seed (on SIMD with the very scores), it stops
 * when told to, nothing stands in the console as an error, nothing is asked of another origin, nothing scrolls sideways,
 * and axe-core finds nothing serious. Leaves screenshots in the folder.
 *
 *   node dist/experiments/browser/check.js [--out runs/browser] [--chromium /usr/bin/chromium]
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import puppeteer, { type Page } from 'puppeteer-core';
import { abacusFolder } from '../../models/abacus/paths.js';
import { type ChainRecord, openPair, type Problem, readBankFile } from '../../src/index.js';
import { violations } from '../../test/report/axe.js';
import { type Ask, answer, configOf } from './answer.js';
import { buildPage } from './build.js';
import type { FromWorker } from './messages.js';
import { serveFolder } from './site.js';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'runs/browser' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});
/** Milliseconds: a software adapter on a busy machine compiles for a while. */
const patience = 600_000;
/** Puts aside what the page hears from its worker. */
const eavesdrop = `
  globalThis.heard = [];
  globalThis.Worker = class extends Worker {
    constructor(...how) {
      super(...how);
      this.addEventListener('message', ({ data }) => heard.push(data));
    }
  };`;
const told: string[] = [];

interface Case {
  readonly name: string;
  /** Of the page's address. */
  readonly query: string;
  /** What it must say that it computes on. */
  readonly backend: RegExp;
  readonly ask: Ask;
}

const [long, , , short] = readFileSync(join(abacusFolder, 'problems/test.jsonl'), 'utf8')
  .split('\n', 4)
  .map((line) => (JSON.parse(line) as Problem).problem);
const common = { rejectionRate: 0.4, seed: 0 };
const cases: readonly Case[] = [
  { name: 'simd', query: '?backend=simd', backend: /^simd/, ask: { ...common, problem: long, samples: 8 } },
  {
    name: 'threads',
    query: '?backend=simd&threads=2',
    backend: /^simd, 2/,
    ask: { ...common, problem: short, samples: 2 },
  },
  // What the page takes by itself where there is an adapter; four chains, because a software adapter takes its time.
  { name: 'webgpu', query: '', backend: /^webgpu$/, ask: { ...common, problem: short, samples: 4 } },
];

await buildPage(values.out);
const { url, server } = await serveFolder(values.out);
const browser = await puppeteer.launch({
  executablePath: values.chromium,
  pipe: true,
  protocolTimeout: patience,
  args: [
    ...['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    ...['--disable-component-update', '--disable-sync'],
    ...['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'],
  ],
});
try {
  for (const each of cases) await check(each);
} finally {
  await browser.close();
  server.close();
}
process.stdout.write(told.length === 0 ? 'nothing found\n' : '');
for (const problem of told) process.stdout.write(`- ${problem}\n`);
process.exitCode = told.length === 0 ? 0 : 1;

async function check({ name, query, backend, ask }: Case): Promise<void> {
  const page = await browser.newPage();
  page.setDefaultTimeout(patience);
  const tell = (what: string) => told.push(`${name}: ${what}`);
  page.on('console', (message) => void (message.type() === 'error' && tell(`console: ${message.text()}`)));
  page.on('pageerror', (error) => void tell(`error: ${String(error)}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) tell(`asks for ${request.url()}`);
  });
  await page.evaluateOnNewDocument(eavesdrop);
  await page.setViewport({ width: 1280, height: 900 });
  const opening = performance.now();
  await page.goto(url + query);
  await inState(page, 'ready');
  const opened = performance.now();
  await page.evaluate(`problem.value = ${JSON.stringify(ask.problem)}; samples.value = ${ask.samples}`);
  await page.click('#run');
  await page.waitForFunction(`heard.some(({ type }) => type === 'event')`);
  await page.screenshot({ path: join(values.out, `${name}-running.png`) });
  await inState(page, 'ready');
  const answered = performance.now();
  await page.click('summary');
  // The page looks the same whatever it computes on.
  if (name === 'simd') {
    for (const scheme of ['light', 'dark'] as const) {
      for (const width of [1280, 390]) await look(page, width, scheme, tell);
    }
  }
  const [result, used] = await Promise.all(
    ['#result', '#facts div:last-child dd'].map((place) => page.$eval(place, (element) => element.textContent ?? '')),
  );
  if (!backend.test(used)) tell(`computes on ${used}`);
  if (!/which is right/.test(result)) tell(`says: ${result}`);
  await compare((await page.evaluate('heard')) as FromWorker[], ask, name !== 'webgpu', tell);
  await stopInTheMiddle(page, tell);
  await askTooMuch(page, tell);
  await page.close();
  const seconds = (from: number, to: number) => ((to - from) / 1000).toFixed(1);
  const times = `opened in ${seconds(opening, opened)} s, answered in ${seconds(opened, answered)} s`;
  process.stdout.write(`${name}: ${used}: ${result} ${times}\n`);
}

async function stopInTheMiddle(page: Page, tell: (what: string) => void): Promise<void> {
  // Four chains could have ended by the time of the click.
  await page.evaluate(`samples.value = samples.max`);
  await page.click('#run');
  await page.waitForFunction(`document.querySelector('.bar')`);
  await page.click('#stop');
  await inState(page, 'ready');
  const status = await page.$eval('#status', (element) => element.textContent);
  if (status !== 'Stopped.') tell(`says after Stop: ${status}`);
}

async function askTooMuch(page: Page, tell: (what: string) => void): Promise<void> {
  await page.evaluate(`problem.value = 'z'.repeat(800)`);
  await page.click('#run');
  await page.waitForFunction('failure.textContent');
  const said = await page.$eval('#failure', (element) => element.textContent);
  if (!/too long for the context/.test(said ?? '')) tell(`says of a problem that is too long: ${said}`);
  if (await page.$eval('#run', (button) => (button as HTMLButtonElement).disabled)) tell('cannot be asked again');
}

async function inState(page: Page, state: string): Promise<void> {
  await page.waitForFunction(`['failed', '${state}'].includes(document.body.dataset.state)`);
  const failure = await page.$eval('#failure', (element) => element.textContent);
  if (failure) throw new Error(`the page says: ${failure}`);
}

/** What a reader could stumble on at a width, in light or dark. */
async function look(page: Page, width: number, scheme: 'light' | 'dark', tell: (what: string) => void): Promise<void> {
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.setViewport({ width, height: 900 });
  const across = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
  if (Number(across) > 0) tell(`at ${width} px, ${scheme}, it is ${across} px wider than the window`);
  for (const violation of await violations(page)) tell(`at ${width} px, ${scheme}: ${violation}`);
  await page.screenshot({ path: join(values.out, `page-${width}-${scheme}.png`), fullPage: true });
}

/** The same question in Node, on SIMD: equal tokens and decisions, and where bits are promised equal scores. */
async function compare(
  heard: readonly FromWorker[],
  ask: Ask,
  withScores: boolean,
  tell: (what: string) => void,
): Promise<void> {
  const models = await openPair({ ...configOf(), threads: 1 });
  const bank = await readBankFile(join(values.out, 'bank.json'));
  const quiet = { onWriting() {}, onEvent() {}, onChain() {} };
  const { chains } = await answer({ draft: models.draft!, target: models.target! }, bank, ask, quiet);
  await models.close();
  const essence = ({ sample, chunks, answer, status }: ChainRecord) => {
    const kept = chunks.map(({ score, ...chunk }) => (withScores ? { score, ...chunk } : chunk));
    return JSON.stringify({ sample, answer, status, kept });
  };
  const ours = new Set(heard.flatMap((message) => (message.type === 'chain' ? [essence(message.chain)] : [])));
  const missing = chains.filter((chain) => !ours.has(essence(chain)));
  if (missing.length > 0 || ours.size !== ask.samples) {
    tell(`${missing.length} of ${ask.samples} chains are not as in Node`);
  }
}
