/** The page's look: one column, system fonts, light and dark, paper. */
export const style = `
:root { color-scheme: light dark; --ink: #1c1c1f; --soft: #5c5c66; --line: #d9d9de; --paper: #fbfbfa; --card: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf0; --soft: #a9a9b4; --line: #3c3c44; --paper: #17171a; --card: #202024; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
.kicker { margin: 0; color: var(--soft); letter-spacing: .02em; }
h1 { font-size: clamp(1.4rem, 3.4vw, 2rem); line-height: 1.25; margin: .3rem 0 .8rem; max-width: 46rem; text-wrap: balance; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .8rem; }
p, li { max-width: 46rem; }
.note, figcaption { color: var(--soft); font-size: .9rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .45rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child { text-align: left; }
thead th { color: var(--soft); font-weight: normal; }
.interval { color: var(--soft); font-size: .85em; }
.settings td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.settings th { font-weight: normal; color: var(--soft); }
figure { margin: 0; }
figure .wide { background: #fff; border: 1px solid var(--line); border-radius: 6px; padding: 1rem; }
figure svg { display: block; max-width: 100%; height: auto; min-width: 30rem; }
figcaption { margin-top: .5rem; max-width: 46rem; }
.chunk { border-left: 4px solid var(--line); padding: .1rem 0 .1rem .9rem; margin: .5rem 0; }
.chunk.draft { border-color: #56B4E9; } .chunk.target { border-color: #0072B2; } .chunk.cue { border-color: #CC79A7; }
.chunk.rejected { border-left-style: dotted; }
.label { margin: 0; color: var(--soft); font-size: .82rem; }
pre { margin: 0; font: .88rem/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
del { color: var(--soft); }
@media print { body { background: #fff; color: #000; } section { break-inside: avoid; } main { padding: 0; } }
`;
