/** What `atts bench` measures: every op against the machine's limits, whole models, and others at the same work. */
import { benchedOps, benchOps, besideRoofs, type OpsBench, type OpsBenchOptions } from '../../kernels/bench/index.js';
import { benchModel, wholeModel } from './model.js';
import { opMicroseconds } from './overhead.js';
import { benchPeers, type PeerResult } from './peers/index.js';

export type { PeerResult } from './peers/index.js';

export interface BenchReport extends OpsBench {
  /** What an op costs in a forward pass beside its arithmetic, microseconds; null where no model was asked for. */
  readonly opMicroseconds: number | null;
  readonly peers: readonly PeerResult[];
}

/** What can be asked for: the ops, and `model` for a whole one. */
export const benchedParts: readonly string[] = [...benchedOps, 'model'];

export interface BenchOptions extends OpsBenchOptions {
  /** Folder whose node_modules holds the peers; null = only those that come with the package. */
  readonly peers?: string | null;
}

export async function runBench({
  ops = benchedParts,
  peers = null,
  ...options
}: BenchOptions = {}): Promise<BenchReport> {
  const report = await benchOps({ ...options, ops: ops.filter((op) => benchedOps.includes(op)) });
  const withModel = ops.includes('model');
  const { roofs, threads } = report;
  const ofModel = withModel
    ? await besideRoofs(roofs, (now) => benchModel(wholeModel('simd', threads), now, options))
    : [];
  const overhead = withModel ? opMicroseconds() : null;
  const parts = { linear: ops.includes('linear'), model: withModel };
  return {
    ...report,
    results: [...report.results, ...ofModel],
    opMicroseconds: overhead,
    peers: await benchPeers(parts, { folder: peers, threads }),
  };
}
