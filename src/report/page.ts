import { accuracyTable } from './accuracy-table.js';
import { rejectionEvidence } from './evidence.js';
import { examplesSection } from './examples.js';
import { plural } from './format.js';
import { baselineSentence, mainMethod, methodTitle, resultSentence } from './headline.js';
import { Html, html } from './html.js';
import { opsTables } from './ops-tables.js';
import { withSchemeColours } from './palette.js';
import { settingsSection } from './settings.js';
import { directoryName, type ReportSource } from './source.js';
import { style } from './style.js';
import { comparisonSection } from './table.js';

/** A figure with its drawings. */
export interface DrawnFigure {
  readonly name: string;
  readonly description: string;
  readonly caption: string;
  readonly svg: { readonly wide: string; readonly narrow: string };
}

/** The whole page: it loads nothing, and a browser would not let it. */
export function page(source: ReportSource, figures: ReadonlyMap<string, DrawnFigure>): string {
  const show = (...names: string[]) =>
    names.flatMap((name) => {
      const figure = figures.get(name);
      return figure ? [figureElement(figure)] : [];
    });
  const baselines = baselineSentence(source);
  const byCount = accuracyTable(source);
  const evidence = rejectionEvidence(source);
  const { versions, created } = mainMethod(source).run.manifest;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="atts ${versions.atts}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title(source)}</title>
<style>${new Html(style)}</style>
</head>
<body>
<main>
<header>
<h1>${title(source)}</h1>
<p class="result">${resultSentence(source)}</p>
${baselines ? html`<p class="baselines">${baselines}</p>` : null}
</header>
${settingsSection(source)}
${comparisonSection(source)}
${section('accuracy', 'Accuracy', [...show('accuracy', 'accuracy-by-compute'), ...(byCount ? [byCount] : [])])}
${section('rejection', 'Rejection rate', [...show('rejection-by-turn', 'rolling-rejection'), ...(evidence ? [evidence] : [])])}
${section('timeline', 'Where the time goes', show('time-by-phase', 'timeline', 'intensity-by-turn'))}
${section('ops', 'What the ops reach', [...show('roofline'), ...opsTables(source)])}
${section('tokens', 'Who writes', show('tokens-by-author'))}
${examplesSection(source)}
<footer>Written by atts ${versions.atts} from the records in ${directoryName(source)} (begun ${created.slice(0, 10)}). Specifications and drawings of the figures lie in figures/.</footer>
</main>
</body>
</html>
`.text;
}

function title(source: ReportSource): string {
  const { dataset, problems, samples } = mainMethod(source).summary;
  const what = source.isComparison ? 'Asynchronous test-time scaling' : methodTitle(mainMethod(source));
  return `${what} on ${dataset}, ${plural(problems, 'problem')} × ${plural(samples, 'sample')}`;
}

function section(id: string, heading: string, content: readonly Html[]): Html | null {
  if (content.length === 0) return null;
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${heading}</h2>
${content.map((piece) => html`${piece}\n`)}</section>`;
}

function figureElement({ name, description, caption, svg }: DrawnFigure): Html {
  return html`<figure data-figure="${name}">
${inline(svg.wide, 'wide', description)}
${inline(svg.narrow, 'narrow', description)}
<figcaption>${caption}</figcaption>
</figure>`;
}

/** HTML needs no namespaces; its SVG needs a role and a name, and its marks none of their own: they are one image. */
function inline(svg: string, width: string, description: string): Html {
  const attributes = html`<svg class="${width}" role="img" aria-label="${description}"`.text;
  const bare = svg
    .replace(/ xmlns(:\w+)?="[^"]*"/g, '')
    .replace(/ class="marks"/, '')
    .replace(/ (role|aria-[a-z]+)="[^"]*"/g, '');
  return new Html(withSchemeColours(bare.replace(/^\s*<svg/, () => attributes)));
}
