import { style as reportStyle } from '../../src/report/style.js';

/** The report's sheet, and what a page that is worked with has beside it. */
export const style = `${reportStyle}
form { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px 24px; margin-top: 28px; }
.field { margin: 0; max-width: none; display: grid; gap: 4px; align-content: start; }
.field.wide, .buttons { grid-column: 1 / -1; }
.field label { font: 600 12px/1.4 var(--sans); color: var(--quiet); }
textarea, select, input, button { font: 15px/1.4 var(--sans); color: inherit; accent-color: var(--draft); }
textarea, select, input[type='number'] { width: 100%; min-width: 0; min-height: 38px; padding: 7px 9px; background: var(--paper);
  border: 1px solid var(--quiet); border-radius: 3px; }
textarea { font: 16px/1.5 var(--serif); resize: vertical; }
.range { display: grid; grid-template-columns: 1fr 4ch; gap: 10px; align-items: center; min-height: 38px; font: 15px/1.4 var(--sans); }
.range input { width: 100%; min-width: 0; }
.buttons { margin: 0; display: flex; gap: 10px; }
button { min-height: 40px; padding: 6px 22px; border: 1px solid var(--ink); border-radius: 3px; background: var(--paper); cursor: pointer; }
#run:enabled { background: var(--ink); color: var(--paper); }
button:disabled { color: var(--quiet); border-color: var(--line); cursor: default; }
:focus-visible { outline: 2px solid var(--draft); outline-offset: 2px; }
#status, #failure { font: 13px/1.5 var(--sans); color: var(--quiet); margin: 14px 0 0; max-width: 90ch; min-height: 1.5em; }
#failure { color: var(--target); min-height: 0; }
#failure:empty, #result:empty, #facts:empty { display: none; }
.legend { font: 13px/1.5 var(--sans); color: var(--quiet); max-width: none; display: flex; flex-wrap: wrap; gap: 4px 20px; }
.legend span:not(.marks)::before { content: ''; display: inline-block; width: 22px; height: 10px; margin-right: 7px; background: var(--draft); }
.legend .rejected::before, .bar.rejected { background: var(--draftRejected) !important; }
.legend .target::before, .bar.target { background: var(--target) !important; }
#facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px 24px; margin: 0 0 18px; font-size: 14px;
  font-variant-numeric: tabular-nums; }
#chains .chain { margin: 0; border-top: 1px solid var(--grid); }
summary { display: grid; grid-template-columns: 70px 1fr minmax(64px, auto); gap: 14px; padding: 9px 0; cursor: pointer; list-style: none;
  font: 13px/1.4 var(--sans); }
summary::-webkit-details-marker { display: none; }
.name { color: var(--quiet); }
.name::before { content: '▸'; display: inline-block; width: 13px; }
[open] > summary .name::before { content: '▾'; }
.track { display: flex; flex-wrap: wrap; gap: 6px 2px; align-content: start; min-height: 32px; }
.chunk { display: grid; gap: 2px; align-content: start; }
.bar { height: 13px; width: calc(var(--tokens) * 1.9px); min-width: 3px; background: var(--draft); }
.bar.growing { opacity: 0.65; }
.mark { font: 11px/1.3 var(--sans); color: var(--quiet); font-variant-numeric: tabular-nums; white-space: nowrap; padding-right: 6px; }
.mark.rejected { color: var(--target); }
.end { font-weight: 600; text-align: right; font-size: 15px; font-variant-numeric: tabular-nums; }
.chain[open] ol { margin: 4px 0 16px 84px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media screen and (max-width: 720px) {
  form { grid-template-columns: 1fr 1fr; gap: 12px 16px; }
  textarea, select, input { font-size: 16px; }
  summary { grid-template-columns: 1fr auto; gap: 4px 12px; }
  .track { grid-column: 1 / -1; grid-row: 2; }
  .chain[open] ol { margin-left: 0; }
  #facts { grid-template-columns: 1fr 1fr; }
}
`;
