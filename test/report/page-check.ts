/**
 * A report in headless Chromium, at the widths of a desk and of a telephone: no error in the console, nothing asked of
 * the network, no scrolling sideways, nothing serious found by axe-core, every drawing named, and all of it reached with
 * the keyboard. Leaves screenshots and a print beside the page.
 *
 *   node dist/test/report/page-check.js DIRECTORY [--chromium chromium]
 */
import { statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import puppeteer, { type Page } from 'puppeteer-core';
import { writeReport } from '../../src/index.js';
import { violations } from './axe.js';

const { values, positionals } = parseArgs({
  options: { chromium: { type: 'string', default: '/usr/bin/chromium' } },
  allowPositionals: true,
});
const [directory] = positionals;
if (directory === undefined) throw new Error('give the directory of a run or a comparison');
const path = resolve(await writeReport(directory));
const problems: string[] = [];
const megabytes = statSync(path).size / 1e6;
if (megabytes >= 3) problems.push(`the page has ${megabytes.toFixed(1)} MB`);

const browser = await puppeteer.launch({
  executablePath: values.chromium,
  pipe: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
});
try {
  for (const scheme of ['light', 'dark'] as const) {
    for (const width of [1280, 390]) await check(width, scheme);
  }
} finally {
  await browser.close();
}
process.stdout.write(`${path}: ${megabytes.toFixed(2)} MB; ${problems.length === 0 ? 'nothing found' : ''}\n`);
for (const problem of problems) process.stdout.write(`- ${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function check(width: number, scheme: 'light' | 'dark'): Promise<void> {
  const page = await browser.newPage();
  const told = (what: string) => problems.push(`${width} px, ${scheme}: ${what}`);
  page.on('console', (message) => void (message.type() === 'error' && told(`console: ${message.text()}`)));
  page.on('pageerror', (error) => void told(`error: ${String(error)}`));
  page.on('request', (request) => void (/^https?:/.test(request.url()) && told(`asks for ${request.url()}`)));
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.setViewport({ width, height: 900 });
  // axe-core is put in from outside, which the page itself forbids.
  await page.setBypassCSP(true);
  await page.goto(pathToFileURL(path).href);
  // What is folded is a part of the page.
  await page.evaluate(`for (const folded of document.querySelectorAll('details')) folded.open = true`);
  const across = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
  if (Number(across) > 0) told(`is ${across} px wider than the window`);
  for (const violation of await violations(page)) told(violation);
  for (const unreached of await scrollersOffTheKeyboard(page)) told(`no key reaches ${unreached}`);
  await page.screenshot({ path: join(directory, `page-${width}-${scheme}.png`), fullPage: true });
  if (width === 1280 && scheme === 'light') {
    writeFileSync(join(directory, 'page.pdf'), await page.pdf({ format: 'A4', printBackground: true }));
  }
  await page.close();
}

/** Regions that scroll and that Tab does not come to. */
async function scrollersOffTheKeyboard(page: Page): Promise<string[]> {
  const names = (await page.evaluate(
    `[...document.querySelectorAll('.scroll')].map((region) => region.getAttribute('aria-label'))`,
  )) as string[];
  const folded = Number(await page.evaluate(`document.querySelectorAll('summary').length`));
  const reached = new Set<unknown>();
  for (let stop = 0; stop < names.length + folded; stop++) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(`document.activeElement.getAttribute('aria-label')`));
  }
  return names.filter((name) => !reached.has(name));
}
