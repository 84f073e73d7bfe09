import { integer, percent, plural } from '../../src/report/format.js';
import type { Opened } from './messages.js';
import type { Totals } from './progress.js';

export function readyText(opened: Opened): string {
  const { note, build, models } = opened;
  const why = note === null ? '' : ` (${note})`;
  return `Ready: ${models.draft.id} drafts for ${models.target.id} on ${backendText(opened)}${why}. Arithmetic: ${build}.`;
}

/** @param right the answer of a problem whose answer is known */
export function resultText(answer: string | null, votes: number, samples: number, right: string | undefined): string {
  if (answer === null) return 'No chain has an answer.';
  const verdict = right === undefined ? '' : answer === right ? ', which is right' : `; right is ${right}`;
  return `${votes} of ${plural(samples, 'chain')} answer ${answer}${verdict}.`;
}

/** What is shown of a run beside its chains, by name. */
export function factsOf(totals: Totals, seconds: number, wanted: number, opened: Opened): Record<string, string> {
  const { draft, target, scored, decisions, rejections } = totals;
  const rate = `${percent(rejections / decisions)} of ${integer(decisions)} (α ${percent(wanted, 0)})`;
  return {
    time: `${seconds.toFixed(1)} s`,
    'tokens by the draft': integer(draft),
    'tokens by the target': integer(target),
    'tokens scored': integer(scored),
    'chunks rejected': decisions === 0 ? '–' : rate,
    backend: backendText(opened),
  };
}

function backendText({ backend, threads }: Opened): string {
  return threads === null ? backend : `${backend}, ${plural(threads, 'thread')}`;
}
