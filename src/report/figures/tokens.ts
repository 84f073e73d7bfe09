import type { ChainRecord, ChunkRecord } from '../../runs/records.js';
import type { ReportSource } from '../source.js';
import type { Figure } from './figure.js';
import { type BarPart, stackedBars } from './stacked-bars.js';

const parts = [
  { name: 'draft, kept', colour: 'draft', holds: (chunk) => chunk.author === 'draft' && !chunk.rejected },
  { name: 'draft, rejected', colour: 'draftRejected', holds: (chunk) => chunk.author === 'draft' && chunk.rejected },
  { name: 'target', colour: 'target', holds: ({ author }) => author === 'target' },
  { name: 'cue', colour: 'cue', holds: ({ author }) => author === 'cue' },
] as const satisfies readonly (BarPart & { holds: (chunk: ChunkRecord) => boolean })[];

/** Tokens of a chain by who wrote them, a bar a method; null where nothing was written. */
export function tokensFigure({ methods }: ReportSource): Figure | null {
  const bars = stackedBars({
    ...{ quantity: 'tokens', title: 'tokens a chain', part: 'author', parts },
    methods,
    lengthOf: ({ run }, { holds }) => perChain(run.chains, holds),
  });
  if (!bars) return null;
  const keptRejected = methods.some(({ run }) => run.manifest.config.policy === 'continue');
  const rejected = keptRejected
    ? 'Rejected draft chunks stay in the text and the target writes on after them.'
    : 'Rejected draft chunks are dropped and the target writes them anew.';
  return {
    name: 'tokens-by-author',
    description: `Tokens a chain by author: ${bars.told}.`,
    caption: `Tokens a chain, by who wrote them.${bars.used.some(({ name }) => name === 'draft, rejected') ? ` ${rejected}` : ''}`,
    spec: bars.spec,
  };
}

function perChain(chains: readonly ChainRecord[], holds: (chunk: ChunkRecord) => boolean): number {
  const chunks = chains.flatMap((chain) => chain.chunks.filter(holds));
  return chunks.reduce((sum, { tokens }) => sum + tokens, 0) / Math.max(1, chains.length);
}
