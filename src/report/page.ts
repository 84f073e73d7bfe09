import type { ChainRecord } from '../runs/records.js';
import type { Figure } from './figures.js';
import type { MethodRun } from './method-runs.js';
import { style } from './style.js';

export interface RenderedFigure extends Figure {
  readonly svg: string;
}

/** Text as HTML shows it. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const chainCount = ({ summary }: MethodRun) => summary.problems * summary.samples;

/** The report: one page, nothing outside it. */
export function page(runs: readonly MethodRun[], figures: readonly RenderedFigure[]): string {
  const first = runs[0];
  const title = `${first.summary.dataset}: ${runs.map(({ name }) => name).join(', ')}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>atts · ${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
<p class="kicker">atts · asynchronous test-time scaling</p>
<h1>${headline(runs)}</h1>
<p>${escapeHtml(settingsLine(first))}</p>
</header>
<section aria-labelledby="comparison">
<h2 id="comparison">${runs.length > 1 ? 'Comparison' : 'Result'}</h2>
${comparisonTable(runs)}
<p class="note">Intervals: 95 %, resampling problems. Tokens and waiting are means a chain. Same problems, seeds and token budget, one run after the other on one machine; the score bank is drawn before and not in the wall time.</p>
</section>
${figures.map(figureSection).join('\n')}
${rejectionNotes(runs)}
${exampleSection(runs)}
<section aria-labelledby="settings"><h2 id="settings">Settings</h2>${settingsTable(first)}</section>
</main>
</body>
</html>
`;
}

/** The result in one sentence, from measured values only. */
function headline(runs: readonly MethodRun[]): string {
  const find = (name: string) => runs.find((run) => run.name === name);
  const main = find('async') ?? runs[runs.length - 1];
  const target = find('target-only');
  const sync = find('sync');
  const parts = [`${escapeHtml(main.name)}: ${percent(main.summary.accuracy.mean)} of chains right`];
  if (target && main !== target) {
    const share = main.summary.tokens.targetGenerated / target.summary.tokens.targetGenerated;
    parts.push(
      `with ${percent(share)} of the target’s writing (target alone: ${percent(target.summary.accuracy.mean)})`,
    );
  }
  if (sync && main !== sync) {
    parts.push(
      `in ${(main.summary.time.wallSeconds / sync.summary.time.wallSeconds).toFixed(2)} × the wall time of sync`,
    );
  }
  return parts.join(', ');
}

function settingsLine({ summary, manifest: { config, machine } }: MethodRun): string {
  const models = `${config.draft} drafts, ${config.target} checks`;
  const size = `${summary.problems} problems × ${summary.samples} chains of ${summary.dataset}`;
  const rule = `policy ${config.policy}, chunks ${config.draftTokens}/${config.targetTokens}, α = ${config.rejectionRate}`;
  return `${models}; ${size}; ${rule}; seed ${config.seed}; ${machine.cpu}, ${machine.cores} cores.`;
}

function comparisonTable(runs: readonly MethodRun[]): string {
  const wall = (name: string) => runs.find((run) => run.name === name)?.summary.time.wallSeconds;
  const speed = (over: number | undefined, own: number) => (over === undefined ? '–' : `${(over / own).toFixed(2)} ×`);
  const most = Object.keys(runs[0].summary.accuracy.passAt).at(-1) as string;
  const header = ['method', 'accuracy', `pass@${most}`, `maj@${most}`, 'draft', 'scored', 'target', 'rejected'];
  header.push('at barriers', 'in queue', 'wall', 'over target-only', 'over sync');
  const rows = runs.map((run) => {
    const { accuracy, tokens, rejection, time } = run.summary;
    const n = chainCount(run);
    const cells = [
      `${percent(accuracy.mean)} <span class="interval">${(100 * accuracy.ci95[0]).toFixed(1)}–${(100 * accuracy.ci95[1]).toFixed(1)}</span>`,
      ...[percent(accuracy.passAt[most]), percent(accuracy.majAt[most])],
      ...[tokens.draftGenerated, tokens.targetScored, tokens.targetGenerated].map((count) => (count / n).toFixed(0)),
      rejection ? percent(rejection.overall) : '–',
      ...[time.syncWaitSeconds, time.queueWaitSeconds].map((seconds) => `${(seconds / n).toFixed(3)} s`),
      `${time.wallSeconds.toFixed(1)} s`,
      ...[speed(wall('target-only'), time.wallSeconds), speed(wall('sync'), time.wallSeconds)],
    ];
    return `<tr><th scope="row">${escapeHtml(run.name)}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  const head = header.map((cell) => `<th scope="col">${cell}</th>`).join('');
  return `<div class="wide" tabindex="0" role="region" aria-label="Comparison of methods"><table><thead><tr>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

const headings: Record<string, string> = {
  accuracy: 'Accuracy',
  'rejection-by-turn': 'Rejection rate by turn',
  'rejection-rolling': 'Rejection rate as the run went on',
  timeline: 'Timeline of chains',
  tokens: 'Tokens by author',
};

function figureSection({ name, alt, caption, svg }: RenderedFigure): string {
  const image = svg.replace('<svg ', `<svg role="img" aria-label="${escapeHtml(alt)}" `);
  return `<section aria-labelledby="${name}"><h2 id="${name}">${headings[name]}</h2>
<figure><div class="wide" tabindex="0" role="region" aria-label="Figure: ${headings[name]}">${image}</div><figcaption>${escapeHtml(caption)}</figcaption></figure></section>`;
}

function rejectionNotes(runs: readonly MethodRun[]): string {
  const lines = runs.flatMap(({ name, summary: { rejection } }) => {
    if (!rejection) return [];
    const { bound, ks, martingaleLog10, rolling200 } = rejection;
    const parts = [
      `wanted ${percent(rejection.wanted)}, realised ${percent(rejection.overall)} by the rule ${rejection.calibration}`,
    ];
    if (rolling200)
      parts.push(`between ${percent(rolling200.min)} and ${percent(rolling200.max)} in any 200 decisions`);
    if (bound)
      parts.push(
        `published bound ± ${bound.value.toFixed(4)}, which ${bound.holds ? 'held at every decision' : 'was broken'}`,
      );
    parts.push(
      `p-values from uniform: Kolmogorov–Smirnov distance ${ks.d.toFixed(3)} (p = ${ks.p.toPrecision(2)}; 0 is no drift)`,
    );
    parts.push(`drift evidence of the jumper martingale 10^${martingaleLog10.toFixed(1)} (an alarm from 10^2 on)`);
    return [`<li><strong>${escapeHtml(name)}</strong>: ${parts.join('; ')}.</li>`];
  });
  if (lines.length === 0) return '';
  return `<section aria-labelledby="rate"><h2 id="rate">Was the rate held?</h2><ul>${lines.join('\n')}</ul></section>`;
}

/** The first chain, by problem and sample, in which a chunk was rejected and the answer is right. */
function exampleSection(runs: readonly MethodRun[]): string {
  const run = runs.find(({ name }) => name === 'async') ?? runs[runs.length - 1];
  const isTold = ({ chunks, correct }: ChainRecord) => correct && chunks.some(({ rejected }) => rejected);
  const chain = [...run.chains]
    .sort((a, b) => a.problem.localeCompare(b.problem, 'en', { numeric: true }) || a.sample - b.sample)
    .find(isTold);
  if (!chain) return '';
  const replaces = run.manifest.config.policy === 'replace';
  const chunks = chain.chunks.map(({ author, text, rejected, score }) => {
    const judged = score === null ? '' : ` · ${score.toFixed(3)} nats/token`;
    const label = `${author}${rejected ? ', rejected' : ''}${judged}`;
    const body = rejected && replaces ? `<del>${escapeHtml(text)}</del>` : escapeHtml(text);
    return `<div class="chunk ${author}${rejected ? ' rejected' : ''}"><p class="label">${label}</p><pre>${body}</pre></div>`;
  });
  return `<section aria-labelledby="example"><h2 id="example">One chain</h2>
<p class="note">Problem ${escapeHtml(chain.problem)}, sample ${chain.sample} of ${escapeHtml(run.name)}: the first with a rejected chunk and a right answer (${escapeHtml(chain.answer ?? '')}).</p>
${chunks.join('\n')}</section>`;
}

function settingsTable({ manifest }: MethodRun): string {
  const { config, versions, machine, kernelBuild } = manifest;
  const rows: [string, unknown][] = [
    ...Object.entries(config),
    ['kernel build', kernelBuild],
    [
      'versions',
      Object.entries(versions)
        .map((pair) => pair.join(' '))
        .join(', '),
    ],
    ['machine', `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}`],
  ];
  const cells = rows
    .filter(([name]) => name !== 'method' && name !== 'schedule')
    .map(
      ([name, value]) =>
        `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value === null ? '–' : String(value))}</td></tr>`,
    );
  return `<table class="settings"><tbody>${cells.join('')}</tbody></table>`;
}
