import { colourVariables } from './palette.js';

/** One sheet for screen and paper, light and dark, desk and telephone. */
export const style = `
:root { ${colourVariables('light')} color-scheme: light dark;
  --serif: Charter, 'Bitstream Charter', 'Source Serif 4', 'Iowan Old Style', Cambria, Georgia, serif;
  --sans: system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
@media screen and (prefers-color-scheme: dark) { :root { ${colourVariables('dark')} } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.55 var(--serif); }
main { max-width: 1130px; margin: 0 auto; padding: 56px 32px 72px; }
h1, h2, h3 { line-height: 1.2; text-wrap: balance; }
h1 { font-size: 30px; font-weight: 600; letter-spacing: -0.01em; margin: 0 0 20px; }
h2 { font-size: 21px; font-weight: 600; margin: 56px 0 14px; padding-top: 14px; border-top: 1px solid var(--line); }
h3 { font-size: 17px; font-weight: 600; margin: 28px 0 4px; }
p { max-width: 68ch; margin: 0 0 12px; overflow-wrap: anywhere; }
.result { font-size: 21px; line-height: 1.4; max-width: 56ch; text-wrap: pretty; }
.baselines, .where, .note, footer { color: var(--quiet); }
.note, footer { font: 13px/1.5 var(--sans); }
.note { margin: 8px 0 0; max-width: 90ch; }
footer { margin-top: 56px; padding-top: 14px; border-top: 1px solid var(--line); }
.label, dt { font: 600 12px/1.4 var(--sans); color: var(--quiet); }
.label { margin: 20px 0 6px; }
dl { margin: 0; font: 14px/1.5 var(--sans); }
dl.settings { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 10px 32px; font-size: 13px; }
dl.meanings { display: grid; grid-template-columns: repeat(3, 1fr); gap: 12px 32px; margin-top: 16px; font-size: 13px; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { margin: 0; padding: 10px 12px; font: 13px/1.5 var(--mono); background: var(--grid); border-radius: 3px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
pre span { display: inline-block; max-width: 100%; }
.scroll { overflow-x: auto; }
figure + .scroll { margin-top: 36px; }
table { border-collapse: collapse; font: 13px/1.35 var(--sans); font-variant-numeric: tabular-nums lining-nums; width: 100%; }
caption { text-align: left; color: var(--quiet); padding: 0 0 10px; }
caption span { display: block; position: sticky; left: 0; width: min(100%, calc(100vw - 32px)); }
th, td { padding: 6px 6px; text-align: right; white-space: nowrap; font-weight: 400; }
thead th { color: var(--quiet); font-size: 12px; vertical-align: bottom; white-space: normal; }
.methods thead tr:first-child th { text-align: left; white-space: nowrap; font-weight: 600; color: var(--ink); padding-bottom: 0; }
.methods thead tr:last-child th { white-space: nowrap; }
.opens { padding-left: 18px; }
thead tr:last-child > * { border-bottom: 1px solid var(--ink); }
tbody tr > * { border-bottom: 1px solid var(--grid); }
tbody tr:last-child > * { border-bottom-color: var(--line); }
th:first-child, thead td:first-child { text-align: left; padding-left: 0; position: sticky; left: 0; background: var(--paper); }
tbody th { color: var(--ink); }
tr.main > * { font-weight: 650; }
.word { text-align: left; }
.scroll + .scroll, .scroll + details { margin-top: 32px; }
details + details, details .scroll { margin-top: 16px; }
summary { font: 600 14px/1.4 var(--sans); cursor: pointer; }
.evidence thead th { max-width: 9em; }
.evidence thead th:nth-child(2) { text-align: left; }
figure { margin: 24px 0 0; }
figure svg { display: block; max-width: 100%; height: auto; }
figure .narrow { display: none; }
figcaption { font: 13px/1.5 var(--sans); color: var(--quiet); max-width: 96ch; margin-top: 8px; }
.chain { margin-top: 28px; }
.chain .where { font: 13px/1.5 var(--sans); margin-bottom: 10px; }
.chain ol { list-style: none; margin: 0; padding: 0; }
.chain li { display: grid; grid-template-columns: 178px 1fr; gap: 16px; padding: 8px 0 8px 12px; border-left: 4px solid var(--draft); }
.chain li + li { border-top: 1px solid var(--grid); }
.chain li.rejected { border-left-color: var(--draftRejected); }
.chain li.target { border-left-color: var(--target); }
.chain li.cue { border-left-color: var(--cue); }
.by { font: 12px/1.5 var(--sans); color: var(--quiet); font-variant-numeric: tabular-nums; }
.by b { color: var(--draft); font-weight: 600; }
.target .by b { color: var(--target); }
.cue .by b { color: var(--cue); }
.by i { color: var(--ink); font-style: normal; }
.by span { display: block; }
.chain .text { font: 14px/1.5 var(--mono); white-space: pre-wrap; overflow-wrap: anywhere; }
.rejected .text, del { color: var(--quiet); }
del { text-decoration-thickness: 1px; }
@media screen and (max-width: 720px) {
  body { font-size: 16px; }
  main { padding: 28px 16px 48px; }
  h1 { font-size: 24px; }
  h2 { margin-top: 40px; }
  .result { font-size: 18px; }
  dl.settings, dl.meanings { grid-template-columns: 1fr; gap: 8px; }
  dl.settings > div { display: grid; grid-template-columns: 104px 1fr; gap: 12px; align-items: baseline; }
  figure .wide { display: none; }
  figure .narrow { display: block; }
  .chain li { grid-template-columns: 1fr; gap: 4px; }
  .by span { display: inline-block; margin-left: 5px; }
  .by span::before { content: '· '; }
}
@media print {
  @page { margin: 14mm; }
  body { font-size: 10.5pt; }
  .result { font-size: 13pt; }
  h2 { margin-top: 20pt; }
  dl.settings { grid-template-columns: 1fr 1fr; }
  dl, pre { font-size: 8pt; }
  main { max-width: none; padding: 0; }
  .scroll { overflow: visible; }
  table { font-size: 7.5pt; }
  thead th { font-size: 7pt; }
  th, td { padding: 3px; }
  .opens { padding-left: 9px; }
  h2, h3 { break-after: avoid; }
  figure, tr, .chain li { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
