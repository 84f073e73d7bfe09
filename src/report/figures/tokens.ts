import type { ChainRecord, ChunkRecord } from '../../runs/records.js';
import { number } from '../format.js';
import { type ColourName, colour } from '../palette.js';
import type { ReportSource } from '../source.js';
import { type Figure, widths } from './figure.js';

const parts = [
  { name: 'draft, kept', colour: 'draft', holds: (chunk) => chunk.author === 'draft' && !chunk.rejected },
  { name: 'draft, rejected', colour: 'draftRejected', holds: (chunk) => chunk.author === 'draft' && chunk.rejected },
  { name: 'target', colour: 'target', holds: ({ author }) => author === 'target' },
  { name: 'cue', colour: 'cue', holds: ({ author }) => author === 'cue' },
] as const satisfies readonly { name: string; colour: ColourName; holds: (chunk: ChunkRecord) => boolean }[];

/** Tokens of a chain by who wrote them, a bar a method; null where nothing was written. */
export function tokensFigure(source: ReportSource): Figure | null {
  const values = source.methods.flatMap(({ name, run }) =>
    parts.map((part, order) => ({
      method: name,
      author: part.name,
      order,
      tokens: perChain(run.chains, part.holds),
    })),
  );
  const used = parts.filter((part) => values.some(({ author, tokens }) => author === part.name && tokens > 0));
  if (used.length === 0) return null;
  const keptRejected = source.methods.some(({ run }) => run.manifest.config.policy === 'continue');
  const texts = source.methods.map(({ name }) => {
    const own = values.filter(({ method, tokens }) => method === name && tokens > 0);
    return `${name} ${own.map(({ author, tokens }) => `${author} ${number(tokens)}`).join(', ')}`;
  });
  const rejected = keptRejected
    ? 'Rejected draft chunks stay in the text and the target writes on after them.'
    : 'Rejected draft chunks are dropped and the target writes them anew.';
  return {
    name: 'tokens-by-author',
    description: `Tokens a chain by author: ${texts.join('; ')}.`,
    caption: `Tokens a chain, by who wrote them.${used.some((part) => part.name === 'draft, rejected') ? ` ${rejected}` : ''}`,
    spec: (width) => ({
      width,
      height: { step: 30 },
      data: { values: values.filter(({ tokens }) => tokens > 0) },
      mark: { type: 'bar', height: 18 },
      encoding: {
        y: {
          field: 'method',
          type: 'nominal',
          sort: source.methods.map(({ name }) => name),
          title: null,
          axis: { ticks: false, domain: false, labelFontSize: 12, labelColor: colour('ink') },
        },
        x: {
          field: 'tokens',
          type: 'quantitative',
          title: 'tokens a chain',
          axis: { tickCount: width === widths.wide ? 10 : 5 },
        },
        order: { field: 'order', type: 'quantitative' },
        color: {
          field: 'author',
          type: 'nominal',
          scale: { domain: used.map(({ name }) => name), range: used.map((part) => colour(part.colour)) },
          legend: { columns: width === widths.wide ? 4 : 2 },
        },
      },
    }),
  };
}

function perChain(chains: readonly ChainRecord[], holds: (chunk: ChunkRecord) => boolean): number {
  const chunks = chains.flatMap((chain) => chain.chunks.filter(holds));
  return chunks.reduce((sum, { tokens }) => sum + tokens, 0) / Math.max(1, chains.length);
}
