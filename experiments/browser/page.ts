/** The page: asks its worker and draws what it hears. */
import { integer, percent, plural } from '../../src/report/format.js';
import type { Problem } from '../../src/tasks/problem.js';
import type { Ask } from './answer.js';
import { Drawing } from './drawing.js';
import { byId, element } from './elements.js';
import type { FromPage, FromWorker, Opened, PageBackend } from './messages.js';
import { Progress } from './progress.js';

const form = byId<HTMLFormElement>('ask');
const field = {
  problem: byId<HTMLTextAreaElement>('problem'),
  example: byId<HTMLSelectElement>('example'),
  samples: byId<HTMLInputElement>('samples'),
  rate: byId<HTMLInputElement>('rate'),
  seed: byId<HTMLInputElement>('seed'),
  backend: byId<HTMLSelectElement>('backend'),
};
const [run, stop] = [byId<HTMLButtonElement>('run'), byId<HTMLButtonElement>('stop')];
const [status, failure, result, facts] = ['status', 'failure', 'result', 'facts'].map((id) => byId(id));

const query = new URLSearchParams(location.search);
/** Of the simd backend; null leaves it to the worker. */
const threads = query.has('threads') ? Number(query.get('threads')) : null;

let worker: Worker | null = null;
let opened: Opened | null = null;
let examples: readonly Problem[] = [];
/** The question that is being answered, or the last one. */
let asked: { readonly ask: Ask; readonly progress: Progress; readonly drawing: Drawing; since: number } | null = null;
let isRunning = false;
/** Chains that have grown since they were last drawn. */
const grown = new Set<number>();

const send = (message: FromPage) => worker?.postMessage(message);

/** Starts a worker of its own for every choice of backend: what the last one held goes with it. */
function open(): void {
  worker?.terminate();
  opened = null;
  isRunning = false;
  worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  worker.addEventListener('message', ({ data }) => hear(data as FromWorker));
  worker.addEventListener('error', ({ message }) => fail(message || 'the worker does not start'));
  send({ type: 'open', backend: field.backend.value as PageBackend, threads });
  say('Loading the two models (6.5 MB) …');
}

function hear(message: FromWorker): void {
  switch (message.type) {
    case 'opened':
      opened = message.opened;
      return say(readyText(opened));
    case 'failed':
      return fail(message.message);
    case 'stopped':
      isRunning = false;
      return say('Stopped.');
    case 'answered':
      isRunning = false;
      conclude(message);
      return say(`Answered on ${opened!.backend}.`);
    default:
      grow(message);
  }
}

function grow(message: Extract<FromWorker, { type: 'writing' | 'event' | 'chain' }>): void {
  const { progress } = asked!;
  if (message.type === 'writing') progress.write(message.writing);
  else if (message.type === 'event') progress.take(message.event);
  else progress.end(message.chain);
  const of = message.type === 'writing' ? message.writing : message.type === 'event' ? message.event : message.chain;
  if (grown.size === 0) requestAnimationFrame(draw);
  grown.add(of.sample);
  if (message.type === 'chain' && isRunning) say(`Writing: ${progress.totals.ended} of ${progress.chains.length} chains have ended.`);
}

function draw(): void {
  const { drawing, since } = asked!;
  drawing.draw(grown);
  grown.clear();
  if (isRunning) showFacts((performance.now() - since) / 1000);
}

function ask(): void {
  const { problem, samples, rate, seed } = field;
  const progress = new Progress(samples.valueAsNumber);
  asked = {
    ask: {
      problem: problem.value.trim(),
      ...{ samples: samples.valueAsNumber, rejectionRate: rate.valueAsNumber, seed: seed.valueAsNumber },
    },
    progress,
    drawing: new Drawing(byId('chains'), progress),
    since: performance.now(),
  };
  isRunning = true;
  grown.clear();
  result.textContent = '';
  failure.textContent = '';
  showFacts(0);
  say('Writing …');
  send({ type: 'ask', ask: asked.ask });
}

function conclude({ answer, votes, seconds }: Extract<FromWorker, { type: 'answered' }>): void {
  const { ask, progress, drawing } = asked!;
  drawing.draw(progress.chains.keys());
  showFacts(seconds);
  const known = examples.find(({ problem }) => problem === ask.problem);
  const verdict = known === undefined || answer === null ? '' : answer === known.answer ? ', which is right' : `; right is ${known.answer}`;
  result.textContent =
    answer === null ? 'No chain has an answer.' : `${answer}, say ${votes} of ${plural(ask.samples, 'chain')}${verdict}.`;
}

function showFacts(seconds: number): void {
  const { ask, progress } = asked!;
  const { draft, target, scored, decisions, rejections } = progress.totals;
  const rejected = decisions === 0 ? '–' : `${percent(rejections / decisions)} of ${integer(decisions)} (α ${percent(ask.rejectionRate, 0)})`;
  const shown = {
    time: `${seconds.toFixed(1)} s`,
    'tokens by the draft': integer(draft),
    'tokens by the target': integer(target),
    'tokens scored': integer(scored),
    'chunks rejected': rejected,
    backend: `${opened!.backend}${opened!.threads ? `, ${plural(opened!.threads, 'thread')}` : ''}`,
  };
  facts.replaceChildren(
    ...Object.entries(shown).map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
  );
}

function readyText({ backend, note, build, threads, models: { draft, target } }: Opened): string {
  const where = threads ? `${backend}, ${plural(threads, 'thread')}` : backend;
  return `Ready: ${draft.id} drafts for ${target.id} on ${where}${note ? ` (${note})` : ''}. Arithmetic: ${build}.`;
}

function fail(message: string): void {
  worker?.terminate();
  worker = null;
  opened = null;
  isRunning = false;
  failure.textContent = message;
  say('');
}

/** Says what is going on, and which of the buttons make sense. */
function say(text: string): void {
  status.textContent = text;
  run.disabled = opened === null || isRunning;
  stop.disabled = !isRunning;
  document.body.dataset.state = isRunning ? 'running' : opened ? 'ready' : worker ? 'loading' : 'failed';
}

async function loadExamples(): Promise<void> {
  const response = await fetch('models/abacus/problems/test.jsonl');
  const lines = (await response.text()).split('\n').slice(0, 12);
  examples = lines.map((line) => JSON.parse(line) as Problem);
  field.example.append(
    ...examples.map(({ problem }, i) => element('option', { value: String(i) }, `${problem.slice(0, 48)} …`)),
  );
  field.problem.value ||= examples[0].problem;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  ask();
});
stop.addEventListener('click', () => send({ type: 'stop' }));
field.example.addEventListener('change', () => {
  field.problem.value = examples[Number(field.example.value)].problem;
});
field.rate.addEventListener('input', () => {
  byId('rate-value').textContent = percent(field.rate.valueAsNumber, 0);
});
field.backend.addEventListener('change', open);
field.backend.value = query.get('backend') ?? 'auto';

await loadExamples();
open();
