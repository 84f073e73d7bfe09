/** The page's worker: opens the two models and answers problems, one at a time. */
import { processors } from '../../kernels/backends/simd/host.js';
import type { BankFile } from '../../src/conformal/bank-format.js';
import { AttsError } from '../../src/errors.js';
import { answer, type Listener } from './answer.js';
import { choose } from './choose.js';
import type { FromPage, FromWorker, Opened, PageBackend } from './messages.js';
import { type OpenedModels, openBank, openModels } from './models.js';

const tell = (message: FromWorker) => postMessage(message);

let opened: { readonly models: OpenedModels; readonly bank: BankFile } | null = null;
let stopping = new AbortController();

addEventListener('message', ({ data }) => {
  const message = data as FromPage;
  if (message.type === 'stop') stopping.abort();
  else void (message.type === 'open' ? open(message.backend, message.threads) : ask(message)).catch(fail);
});

async function open(wanted: PageBackend, asked: number | null): Promise<void> {
  if (!crossOriginIsolated) {
    throw new AttsError(
      'engine',
      'threads need shared memory, which this browser gives to pages from localhost or over HTTPS alone, with the headers that make browser sends',
    );
  }
  const { backend, note } = await choose(wanted, (navigator as Partial<Navigator>).gpu);
  // The page draws and listens meanwhile: one processor stays free for it.
  const threads = asked ?? Math.max(1, processors() - 1);
  opened = { models: await openModels(backend, threads), bank: await openBank() };
  const { draft, target } = opened.models;
  const about = ({ model: { id, parameters } }: typeof draft) => ({ id, parameters });
  const told: Opened = {
    ...{ backend, note, build: target.model.build, models: { draft: about(draft), target: about(target) } },
    threads: backend === 'simd' ? threads : null,
  };
  tell({ type: 'opened', opened: told });
}

async function ask({ ask }: Extract<FromPage, { type: 'ask' }>): Promise<void> {
  stopping = new AbortController();
  const { signal } = stopping;
  const started = performance.now();
  const listener: Listener = {
    onWriting: (writing) => tell({ type: 'writing', writing }),
    onEvent: (event) => tell({ type: 'event', event }),
    onChain: (chain) => tell({ type: 'chain', chain }),
  };
  try {
    const solution = await answer(opened!.models, opened!.bank, ask, listener, signal);
    const seconds = (performance.now() - started) / 1000;
    tell({ type: 'answered', answer: solution.answer, votes: solution.votes, seconds });
  } catch (error) {
    if (signal.aborted) tell({ type: 'stopped' });
    else if (error instanceof AttsError && error.code === 'usage') tell({ type: 'refused', message: error.message });
    else throw error;
  }
}

function fail(error: unknown): void {
  tell({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
}
