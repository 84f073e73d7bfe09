/** The page: asks its worker and draws what it hears. */
import { percent } from '../../src/report/format.js';
import type { Problem } from '../../src/tasks/problem.js';
import type { Ask } from './answer.js';
import { Drawing } from './drawing.js';
import { byId, element } from './elements.js';
import type { FromPage, FromWorker, Opened, PageBackend } from './messages.js';
import { Progress } from './progress.js';
import { factsOf, readyText, resultText } from './wording.js';

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
let asked: {
  readonly ask: Ask;
  readonly progress: Progress;
  readonly drawing: Drawing;
  readonly since: number;
} | null = null;
let isRunning = false;
/** Chains that have grown since they were last drawn. */
const grown = new Set<number>();

const send = (message: FromPage) => worker?.postMessage(message);

/** Starts a worker of its own for every choice of backend: what the last one held goes with it. */
function open(): void {
  worker?.terminate();
  opened = null;
  isRunning = false;
  failure.textContent = '';
  worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  worker.addEventListener('message', ({ data }) => hear(data as FromWorker));
  worker.addEventListener('error', ({ message }) => fail(message || 'the worker does not start'));
  send({ type: 'open', backend: field.backend.value as PageBackend, threads });
  say('Loading the two models (6.5 MB) …');
}

function hear(message: FromWorker): void {
  if (message.type === 'writing' || message.type === 'event' || message.type === 'chain') {
    grow(message);
  } else if (message.type === 'failed') {
    fail(message.message);
  } else if (message.type === 'opened') {
    opened = message.opened;
    say(readyText(opened));
  } else {
    isRunning = false;
    if (message.type === 'answered') conclude(message);
    if (message.type === 'refused') failure.textContent = message.message;
    say({ answered: `Answered. Arithmetic: ${opened!.build}.`, stopped: 'Stopped.', refused: '' }[message.type]);
  }
}

function grow(message: Extract<FromWorker, { type: 'writing' | 'event' | 'chain' }>): void {
  const { progress } = asked!;
  if (grown.size === 0) requestAnimationFrame(draw);
  if (message.type === 'writing') {
    progress.write(message.writing);
    grown.add(message.writing.sample);
  } else if (message.type === 'event') {
    progress.take(message.event);
    grown.add(message.event.sample);
  } else {
    progress.end(message.chain);
    grown.add(message.chain.sample);
    say(`Writing: ${progress.totals.ended} of ${progress.chains.length} chains have ended.`);
  }
}

function draw(): void {
  const { drawing, since } = asked!;
  drawing.draw(grown);
  grown.clear();
  if (isRunning) showFacts((performance.now() - since) / 1000);
}

function ask(): void {
  const { problem, samples, rate, seed } = field;
  const ask: Ask = {
    problem: problem.value.trim(),
    ...{ samples: samples.valueAsNumber, rejectionRate: rate.valueAsNumber, seed: seed.valueAsNumber },
  };
  const progress = new Progress(ask.samples);
  asked = { ask, progress, drawing: new Drawing(byId('chains'), progress), since: performance.now() };
  isRunning = true;
  grown.clear();
  result.textContent = '';
  failure.textContent = '';
  showFacts(0);
  say('Writing …');
  send({ type: 'ask', ask });
}

function conclude({ answer, votes, seconds }: Extract<FromWorker, { type: 'answered' }>): void {
  const { ask, progress, drawing } = asked!;
  drawing.draw(progress.chains.keys());
  showFacts(seconds);
  const right = examples.find(({ problem }) => problem === ask.problem)?.answer;
  result.textContent = resultText(answer, votes, ask.samples, right);
  failure.textContent = progress.chains.map(({ end }) => end?.error).find((error) => error) ?? '';
}

function showFacts(seconds: number): void {
  const { ask, progress } = asked!;
  const shown = factsOf(progress.totals, seconds, ask.rejectionRate, opened!);
  facts.replaceChildren(
    ...Object.entries(shown).map(([name, value]) =>
      element('div', {}, element('dt', {}, name), element('dd', {}, value)),
    ),
  );
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

await loadExamples().then(open, (error) => fail(`the examples cannot be loaded: ${error}`));
