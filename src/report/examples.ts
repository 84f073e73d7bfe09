import type { ChainRecord, ChunkRecord, ModelCallEvent } from '../runs/records.js';
import { number, plural, probability } from './format.js';
import { mainMethod } from './headline.js';
import { type Html, html } from './html.js';
import type { MethodRun, ReportSource } from './source.js';

/** Characters of one chain that are shown. */
const longest = 12_000;

interface Example {
  readonly rule: string;
  readonly chain: ChainRecord;
}

/** One chain or two in full, chosen by rules that are told; null where there is no chain. */
export function examplesSection(source: ReportSource): Html | null {
  const method = mainMethod(source);
  const examples = choose(method.run.chains);
  if (examples.length === 0) return null;
  const { config } = method.run.manifest;
  const judged = examples.some(({ chain }) => chain.chunks.some(({ score }) => score !== null));
  return html`<section aria-labelledby="examples">
<h2 id="examples">${examples.length > 1 ? 'Two chains' : 'One chain'} of ${method.name}</h2>
<p>Chosen by rule, not by eye. ${judged ? legend(config.policy) : null}</p>
${examples.map((example) => article(example, method))}</section>`;
}

function legend(policy: string): string {
  const fate =
    policy === 'replace'
      ? 'A rejected chunk is struck through: it is not part of the chain.'
      : 'A rejected chunk stays in the chain, and the target writes on after it.';
  return `Score: mean nats per token of a draft chunk under the target. p: its p-value, rejected where p ≤ α. ${fate}`;
}

/** In order of problems and samples, not of the moments at which chains ended. */
function choose(chains: readonly ChainRecord[]): Example[] {
  const ordered = chains
    .filter(({ status }) => status === 'finished')
    .sort((a, b) => a.problem.localeCompare(b.problem, 'en', { numeric: true }) || a.sample - b.sample);
  const corrected = ordered.filter(({ chunks }) => chunks.some(({ rejected }) => rejected));
  const examples: Example[] = [];
  const add = (rule: string, chain: ChainRecord | undefined) => {
    if (chain) examples.push({ rule, chain });
  };
  add(
    'The first chain with a rejection that ended right',
    corrected.find(({ correct }) => correct),
  );
  add(
    'The first chain with a rejection that ended wrong',
    corrected.find(({ correct }) => !correct),
  );
  if (examples.length > 0) return examples;
  add(
    'The first chain that ended right',
    ordered.find(({ correct }) => correct),
  );
  if (examples.length === 0) add('The first chain', ordered[0]);
  return examples;
}

function article({ rule, chain }: Example, { run }: MethodRun): Html {
  const policy = run.manifest.config.policy;
  const decisions = new Map(
    run.events
      .filter(({ kind, problem, sample }) => kind === 'score' && problem === chain.problem && sample === chain.sample)
      .map((event) => [event.turn, event]),
  );
  const { shown, left } = cut(chain.chunks);
  const end = chain.answer === null ? 'no answer' : `answer ${chain.answer}`;
  return html`<article class="chain">
<h3>${rule}</h3>
<p class="where">Problem ${chain.problem}, sample ${chain.sample}: ${plural(chain.turns, 'turn')}, ${end}, ${chain.correct ? 'right' : 'wrong'}.</p>
<ol>
${shown.map((chunk) => {
  const decision = chunk.author === 'draft' ? decisions.get(chunk.turn) : undefined;
  const dropped = chunk.rejected && policy === 'replace';
  const text = dropped ? html`<del>${chunk.text}</del>` : html`${chunk.text}`;
  const fate = chunk.rejected ? (dropped ? 'rejected' : 'rejected, kept') : null;
  return html`<li class="${chunk.author}${chunk.rejected ? ' rejected' : ''}"><div class="by"><b>${chunk.author}</b>${fate ? html` <i>${fate}</i>` : null}<span>turn ${chunk.turn}, ${plural(chunk.tokens, 'token')}</span>${decisionText(decision)}</div><div class="text">${text}</div></li>\n`;
})}</ol>
${left > 0 ? html`<p class="note">${plural(left, 'more chunk')} not shown.</p>` : null}</article>\n`;
}

function decisionText(event: ModelCallEvent | undefined): Html | null {
  if (!event || event.score === null) return null;
  const sign = event.rejected ? '≤' : '>';
  const against = event.p !== null && event.alpha !== null && event.rejected === event.p <= event.alpha;
  return html`<span>score ${number(event.score)}</span>${event.p === null ? null : html`<span>p ${probability(event.p)}${against ? ` ${sign} α ${probability(event.alpha)}` : ''}</span>`}`;
}

function cut(chunks: readonly ChunkRecord[]): { shown: ChunkRecord[]; left: number } {
  const shown: ChunkRecord[] = [];
  let length = 0;
  for (const chunk of chunks) {
    if (length >= longest) break;
    const room = longest - length;
    shown.push(chunk.text.length > room ? { ...chunk, text: `${chunk.text.slice(0, room)} …` } : chunk);
    length += chunk.text.length;
  }
  return { shown, left: chunks.length - shown.length };
}
