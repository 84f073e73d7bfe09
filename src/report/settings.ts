import { defaultGamma } from '../conformal/index.js';
import { type RunConfig, runConfigSchema } from '../runs/config.js';
import type { Summary } from '../runs/records.js';
import type { RunManifest } from '../runs/schemas.js';
import { integer, number, percent } from './format.js';
import { type Html, html } from './html.js';
import { methodNames, type ReportSource } from './source.js';

/** What decides a run's result, what it ran on, and how to run it again. */
export function settingsSection(source: ReportSource): Html {
  const rows = settingRows(source);
  // A line breaks between flags, not within one.
  const words = reproduceCommand(source).split(/ (?=--[a-z])/);
  return html`<section aria-labelledby="settings">
<h2 id="settings">Settings</h2>
<dl class="settings">
${rows.map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>\n`)}</dl>
<p class="label" id="command">To run it again</p>
<pre aria-labelledby="command"><code>${words.map((word, index) => html`${index > 0 ? ' ' : ''}<span>${word}</span>`)}</code></pre>
</section>`;
}

function settingRows(source: ReportSource): [string, string][] {
  const manifests = source.methods.map(({ run }) => run.manifest);
  const each = (value: (manifest: RunManifest, summary: Summary) => string | null): string => {
    const values = source.methods.map(({ run, summary }) => value(run.manifest, summary));
    const told = new Set(values.filter((one) => one !== null));
    if (told.size <= 1) return [...told][0] ?? '–';
    return source.methods.flatMap(({ name }, i) => (values[i] === null ? [] : [`${name}: ${values[i]}`])).join('; ');
  };
  const [begun] = manifests.map(({ created }) => created).sort();
  const judged = ({ config }: RunManifest) => config.method === 'atts';
  const model = (role: 'draft' | 'target') =>
    each((manifest) => {
      const identity = manifest[role];
      return identity && `${identity.id} (${hashText(identity.hash)})`;
    });
  const rows: [string, string | null][] = [
    ['Draft model', model('draft')],
    ['Target model', model('target')],
    ['Dataset', each(({ dataset }) => `${dataset.name} (sha256 ${dataset.hash.slice(0, 12)})`)],
    [
      'Chains',
      each(
        ({ dataset }, { problems, samples, shard }) =>
          `${integer(problems)} problems × ${integer(samples)} samples${shard ? `, shard ${shard} of ${integer(dataset.problems)} problems` : ''}`,
      ),
    ],
    [
      'Turns and chunks',
      each(
        ({ config }) =>
          `at most ${config.turns} turns of ${config.draftTokens} draft and ${config.targetTokens} target tokens${config.chunk === 'paragraph' ? ', ended at a blank line' : ''}`,
      ),
    ],
    ['Rejection rate α', each((manifest) => (judged(manifest) ? percent(manifest.config.rejectionRate) : null))],
    ['Rule', each((manifest) => (judged(manifest) ? ruleText(manifest.config) : null))],
    ['Policy', each((manifest) => (judged(manifest) ? policyText(manifest.config) : null))],
    ['Sampling', each(({ config }) => `temperature ${config.temperature}, top-p ${config.topP}`)],
    ['Seed', each(({ config }) => String(config.seed))],
    ['Chains in flight', each(({ config }) => integer(config.concurrency))],
    [
      'Machine',
      each(
        ({ machine }) =>
          `${machine.cpu}, ${machine.cores} cores, ${integer(machine.memoryGiB)} GiB, ${machine.platform} ${machine.arch}`,
      ),
    ],
    ['Backend', each(({ kernelBuild }) => kernelBuild)],
    ['Versions', each(({ versions }) => `atts ${versions.atts}, node ${versions.node}, tfjs ${versions.tfjs}`)],
    ['Begun', `${begun.slice(0, 16).replace('T', ' ')} UTC`],
    ['Notes', each(({ notes }) => notes?.join('; ') ?? null)],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== null && row[1] !== '–');
}

function ruleText({ calibration, pValue, gamma, growBank, calibrateOn, schedule }: RunConfig): string {
  if (calibration === 'budget' && schedule === 'sync') return 'budget of the group at the barrier';
  const learns = !['marginal', 'per-question', 'per-turn'].includes(calibration);
  const step = learns
    ? `, γ = ${number(gamma ?? defaultGamma(calibration))}${growBank ? '' : ', bank not growing'}`
    : '';
  return `${calibration}${step}, ${pValue} p-values${calibrateOn === 'test' ? ', calibrated on the test problems' : ''}`;
}

function policyText({ policy, cue, verifyAnswers }: RunConfig): string {
  const parts: string[] = [policy];
  if (cue !== null) parts.push(`cue “${cue}”`);
  if (verifyAnswers !== null) parts.push(verifyAnswers ? 'answers are scored' : 'answers are not scored');
  return parts.join(', ');
}

/** Settings that differ between the methods although their comparison needs them to be the same. */
export function differingSettings({ methods }: ReportSource): string[] {
  const [first, ...others] = methods.map(({ run }) => run.manifest);
  const own = new Set(['method', 'schedule', 'calibration', 'bank']);
  const fields = (Object.keys(first.config) as (keyof RunConfig)[]).filter(
    (field) => !own.has(field) && others.some(({ config }) => config[field] !== first.config[field]),
  );
  const machine = ({ machine: { cpu, cores } }: RunManifest) => `${cpu} ${cores}`;
  const isSplit = others.some((other) => machine(other) !== machine(first));
  const dataset = others.some((other) => other.dataset.hash !== first.dataset.hash);
  return [...fields, ...(dataset ? ['dataset contents'] : []), ...(isSplit ? ['machine'] : [])];
}

/** The command line that makes this run or comparison, with every setting that is not the default. */
export function reproduceCommand({ directory, isComparison, methods }: ReportSource): string {
  const main = methods[methods.length - 1];
  const { config } = main.run.manifest;
  const defaults = runConfigSchema.parse({});
  const always = new Set(['draft', 'target', 'dataset', 'samples', 'seed']);
  const leftOut = isComparison ? new Set(['method', 'schedule']) : new Set<string>();
  const words = [`npx atts ${isComparison ? 'compare' : 'run'}`];
  for (const [field, value] of Object.entries(config) as [keyof RunConfig, RunConfig[keyof RunConfig]][]) {
    if (leftOut.has(field) || value === null || (value === defaults[field] && !always.has(field))) continue;
    // In a comparison the budget is what sync has anyway.
    if (isComparison && field === 'calibration' && value === 'budget' && config.schedule === 'sync') continue;
    const flag = field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    words.push(typeof value === 'boolean' ? `--${value ? '' : 'no-'}${flag}` : `--${flag} ${shellWord(String(value))}`);
  }
  if (isComparison) {
    const names = methods.map(({ name }) => name);
    if (names.length < methodNames.length) words.push(`--methods ${names.join(',')}`);
    const sync = methods.find(({ name }) => name === 'sync');
    if (sync && sync.run.manifest.config.calibration !== 'budget') words.push('--sync-calibration same');
  }
  words.push(`--out ${shellWord(directory)}`);
  return words.join(' ');
}

function shellWord(text: string): string {
  return /^[\w./:@%+=,#-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A SHA-256 by its beginning; what a server told of a file that was read from it, as it is. */
function hashText(hash: string): string {
  return /^[0-9a-f]{64}$/.test(hash) ? `sha256 ${hash.slice(0, 12)}` : hash;
}
