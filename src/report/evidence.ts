import { diagnose } from '../conformal/index.js';
import { decisionsOf } from '../runs/decisions.js';
import { hundredths, integer, number, probability } from './format.js';
import { type Html, html } from './html.js';
import { judgedRuns, type ReportSource } from './source.js';

/** What the decisions say about the rule, in words; null where no chunk was judged. */
export function rejectionEvidence(source: ReportSource): Html | null {
  const runs = judgedRuns(source);
  if (runs.length === 0) return null;
  const ranked = runs.some(({ rejection }) => rejection.calibration === 'budget');
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of evidence on the rejection rate">
<table class="evidence">
<caption><span>How well the rule held its rate.</span></caption>
<thead><tr><th scope="col">Method</th><th scope="col">Rule</th><th scope="col">Decisions</th><th scope="col">Realised − wanted, points</th><th scope="col">95 % interval, points</th><th scope="col">Bound, points</th><th scope="col">Rolling 200, %</th><th scope="col">KS distance</th><th scope="col">KS p</th><th scope="col">Martingale, log₁₀</th><th scope="col">Alarm at decision</th><th scope="col">Repeated scores, %</th></tr></thead>
<tbody>
${runs.map(({ name, run, rejection }) => {
  const { overall, wanted, bound, rolling200, ks, martingaleLog10, calibration, perTurn } = rejection;
  const decisions = perTurn.reduce((sum, turn) => sum + turn.decisions, 0);
  const { interval, martingale, duplicates } = diagnose(decisionsOf(run.events), { alpha: wanted })!;
  const isRanked = calibration === 'budget';
  const cells = [
    integer(decisions),
    signed(100 * (overall - wanted)),
    `${signed(100 * (interval.lower - wanted))} to ${signed(100 * (interval.upper - wanted))}`,
    bound ? `±${hundredths(bound.value)}, ${bound.holds ? 'holds' : 'broken'}` : '–',
    rolling200 ? `${hundredths(rolling200.min)}–${hundredths(rolling200.max)}` : '–',
    ...(isRanked ? ['–', '–', '–'] : [number(ks.d), probability(ks.p), signed(martingaleLog10)]),
    isRanked || martingale.alarmAt === null ? '–' : integer(martingale.alarmAt),
    duplicates ? `${hundredths(duplicates.share)}${duplicates.alarm ? ', too many' : ''}` : '–',
  ];
  return html`<tr><th scope="row">${name}</th><td class="word">${calibration}</td>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>\n`;
})}</tbody>
</table>
</div>
<dl class="meanings">
<div><dt>95 % interval</dt><dd>Made by resampling problems, since the chunks of one problem are good or bad together.</dd></div>
<div><dt>Bound</dt><dd>How far the realised rate can be from the wanted one after this many decisions, whatever the chunks; only rules that learn from their decisions have one.</dd></div>
<div><dt>Kolmogorov–Smirnov</dt><dd>Distance of the p-values from the uniform law. A small p says the bank no longer describes the scores, so that the rate is held by the correction and not by the bank.${ranked ? ' The budget rule ranks the chunks of a problem’s turn against each other: its p-values are places within a group, of which neither this nor the martingale says anything.' : null}</dd></div>
<div><dt>Martingale</dt><dd>Evidence gathered against exchangeable scores, decision by decision: at +2 the odds are 100 to 1 that scores drifted, below 0 there is none. The alarm is the first decision at which they passed 100 to 1.</dd></div>
<div><dt>Repeated scores</dt><dd>Scores that another chunk has, too. Many of them say that sampling was greedy, that seeds collided, or that chunks are so short that they repeat.</dd></div>
</dl>`;
}

function signed(value: number): string {
  const text = Math.abs(value).toFixed(1);
  return text === '0.0' ? text : `${value > 0 ? '+' : '−'}${text}`;
}
