import { streamKey, uniformAt } from '../src/engine/local/random.js';
import type { Stream } from './reference-streams.js';

/** Uniform numbers of a named sequence, one after the other. */
export function uniforms(name: string, seed: number): () => number {
  const key = streamKey({ seed, problem: name, sample: 0, role: 'experiment' });
  let position = 0;
  return () => uniformAt(key, position++);
}

/** Box–Muller. */
function normal(next: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

const problems = 100;
const samples = 16;
const turns = 15;

/**
 * Made-up traces of 100 problems × 16 chains of which three quarters go on after every turn, against 1,600 normal scores:
 * `iid` scores of the bank's law; `drifting` ones whose mean climbs by 1.2 over the run and falls by 0.05 a turn;
 * `clustered` ones of which 0.64 of the variance belongs to the problem, as in the published traces.
 */
export function syntheticStreams(seed = 0): Stream[] {
  const draw = uniforms('bank', seed);
  const bank = Array.from({ length: 1600 }, () => normal(draw));
  const make = (name: string, scoreOf: (next: () => number, problem: number, turn: number, own: number) => number) => {
    const next = uniforms(name, seed);
    const chunks = Array.from({ length: problems }, (_, problem) => {
      const own = normal(next);
      const lengths = Array.from({ length: samples }, () => 1 + Math.floor(Math.log(1 - next()) / Math.log(0.75)));
      return Array.from({ length: turns }, (_, turn) =>
        lengths.flatMap((length, sample) =>
          length > turn ? [{ problem: String(problem), sample, turn, score: scoreOf(next, problem, turn, own) }] : [],
        ),
      ).flat();
    }).flat();
    return { name, bank, chunks };
  };
  return [
    make('iid', normal),
    make('drifting', (next, problem, turn) => normal(next) - 0.6 + (1.2 * problem) / problems - 0.05 * turn),
    make('clustered', (next, _problem, _turn, own) => 0.8 * own + 0.6 * normal(next)),
  ];
}
