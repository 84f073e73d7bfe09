import { number, plural, probability } from '../../src/report/format.js';
import { element } from './elements.js';
import type { ChunkProgress, Progress } from './progress.js';

/** A chunk's bar, its words for those who do not see it, its mark, and its line in the list below. */
interface DrawnChunk {
  readonly bar: HTMLElement;
  readonly words: HTMLElement;
  readonly mark: HTMLElement;
  readonly line: HTMLElement;
  readonly by: HTMLElement;
  readonly text: HTMLElement;
}

/** Draws chains as rows of chunks, as long as their tokens; a row opens to its text. */
export class Drawing {
  private readonly progress: Progress;
  private readonly rows: readonly Row[];

  constructor(container: HTMLElement, progress: Progress) {
    this.progress = progress;
    this.rows = progress.chains.map((_, sample) => new Row(sample));
    container.replaceChildren(...this.rows.map(({ root }) => root));
  }

  draw(samples: Iterable<number>): void {
    for (const sample of samples) this.rows[sample].draw(this.progress.chains[sample]);
  }
}

class Row {
  readonly root: HTMLElement;
  private readonly track = element('span', { class: 'track' });
  private readonly end = element('span', { class: 'end' });
  private readonly list = element('ol');
  private readonly chunks: DrawnChunk[] = [];

  constructor(sample: number) {
    const name = element('span', { class: 'name' }, `Chain ${sample + 1}`);
    this.root = element('details', { class: 'chain' }, element('summary', {}, name, this.track, this.end), this.list);
  }

  draw({ chunks, end }: Progress['chains'][number]): void {
    for (const [index, chunk] of chunks.entries()) {
      // What was written before the last two chunks stays as it is.
      if (index < this.chunks.length - 2) continue;
      const drawn = this.chunks[index] ?? this.add();
      drawChunk(drawn, chunk);
    }
    if (end) this.end.textContent = end.status === 'failed' ? 'failed' : (end.answer ?? 'no answer');
  }

  private add(): DrawnChunk {
    const drawn: DrawnChunk = {
      bar: element('span', { class: 'bar' }),
      words: element('span', { class: 'unseen' }),
      mark: element('span', { class: 'mark', 'aria-hidden': 'true' }),
      by: element('div', { class: 'by' }),
      text: element('div', { class: 'text' }),
      line: element('li'),
    };
    drawn.line.append(drawn.by, drawn.text);
    this.track.append(element('span', { class: 'chunk' }, drawn.bar, drawn.words, drawn.mark));
    this.list.append(drawn.line);
    this.chunks.push(drawn);
    return drawn;
  }
}

function drawChunk({ bar, words, mark, line, by, text: shown }: DrawnChunk, chunk: ChunkProgress): void {
  const { author, text, tokens, isWritten, decision } = chunk;
  const fate = decision && (decision.rejected ? 'rejected' : 'accepted');
  const state = [author, ...(fate ? [fate] : []), ...(isWritten ? [] : ['growing'])].join(' ');
  const length = plural(tokens, 'token');
  bar.className = `bar ${state}`;
  bar.style.setProperty('--tokens', String(tokens));
  line.className = state;
  shown.replaceChildren(fate === 'rejected' ? element('del', {}, text) : text);
  if (decision === null) {
    words.textContent = `${author}, ${length}; `;
    by.replaceChildren(element('b', {}, author), element('span', {}, length));
    return;
  }
  const [p, sign] = [probability(decision.p), decision.rejected ? '≤' : '>'];
  words.textContent = `${author}, ${length}, ${fate}, p ${p}; `;
  mark.textContent = `${decision.rejected ? '✕' : '✓'} ${p}`;
  mark.className = `mark ${fate}`;
  const facts = [length, `score ${number(decision.score)}`, `p ${p} ${sign} α ${probability(decision.alpha)}`];
  by.replaceChildren(
    ...[element('b', {}, author), ' ', element('i', {}, fate!)],
    ...facts.map((fact) => element('span', {}, fact)),
  );
}
