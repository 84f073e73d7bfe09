import { Ledger } from '../../src/profiler/ledger.js';
import { sumLedgers } from '../../src/profiler/ledger-sums.js';
import type { LedgerFile } from '../../src/runs/ledger-file.js';
import type { ModelCallEvent } from '../../src/runs/records.js';
import { float32Model } from '../profiler/float32-model.js';

/** What two small models would have done: some decode steps of both, and some scores. Ops take a millisecond each. */
export function toyLedger(events: readonly ModelCallEvent[], layers = 4): LedgerFile {
  const roofs = {
    ...{ peak: 5e10, bandwidth: 1e10, opSeconds: 1e-6 },
    levels: [
      { level: 'L1', capacity: 1e5, bandwidth: 1e11 },
      { level: 'DRAM', capacity: null, bandwidth: 1e10 },
    ],
  };
  const shape = { layers, hiddenSize: 96, intermediateSize: 256, heads: 3, kvHeads: 1, headDim: 32, vocabSize: 512 };
  const inLayers = Array.from({ length: layers }, (_, layer) =>
    (['qkv', 'rope', 'attention', 'output', 'mlp'] as const).map((op) => ({
      ...{ op, layer, seconds: op === 'mlp' ? 2e-3 : 1e-3 },
    })),
  ).flat();
  const around = (op: 'embedding' | 'norm' | 'head' | 'sample' | 'tokenLogProb') => ({
    op,
    layer: null,
    seconds: 1e-4,
  });
  const others = { started: 0, pages: 1, seconds: 0.4, hostSeconds: 0.01, ended: 0 };
  const decode = {
    ...{ sequences: [{ cached: 9, rows: 1 }], sampled: 1, scored: 0, ...others },
    ops: [around('embedding'), ...inLayers, around('norm'), around('head'), around('sample')],
  };
  const score = {
    ...{ sequences: [{ cached: 9, rows: 16 }], sampled: 0, scored: 16, ...others },
    ops: [around('embedding'), ...inLayers, around('norm'), around('tokenLogProb')],
  };
  const [draft, target] = [new Ledger(float32Model(shape), roofs), new Ledger(float32Model(shape), roofs)];
  for (let pass = 0; pass < 3; pass++) draft.add(decode);
  for (let pass = 0; pass < 9; pass++) target.add(decode);
  target.add(score);
  const models = { draft: draft.report(), target: target.report() };
  const sums = sumLedgers(models, events);
  return { schema: 'atts.ledger/2', roofs, models, sums, records: { chains: 1, seconds: 0.1 } };
}
