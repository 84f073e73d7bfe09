/** A run's ledgers summed up: by op, layer, phase, engine and turn. All pure. */
import { groupBy } from '../group-by.js';
import type { ModelCallEvent } from '../runs/records.js';
import { type TurnWork, workByTurn } from './intensity.js';
import type { LedgerOp, LedgerReport } from './ledger.js';
import { type OpSum, sumOps } from './op-rates.js';

export type ModelLedgers = Readonly<Partial<Record<'draft' | 'target', LedgerReport>>>;

interface OfModel extends OpSum {
  readonly model: 'draft' | 'target';
}

/** Every sum holds all ops of a model: those of its phases are its total. */
export interface LedgerSums {
  readonly op: readonly (OfModel & Pick<LedgerOp, 'op'>)[];
  /** Null: around the layers. */
  readonly layer: readonly (OfModel & Pick<LedgerOp, 'layer'>)[];
  readonly phase: readonly (OfModel & Pick<LedgerOp, 'phase'>)[];
  readonly engine: readonly OfModel[];
  readonly turn: readonly TurnWork[];
}

export function sumLedgers(ledgers: ModelLedgers, events: readonly ModelCallEvent[]): LedgerSums {
  const models = (['draft', 'target'] as const).flatMap((model) => {
    const ops = ledgers[model]?.ops ?? [];
    return ops.length > 0 ? [{ model, ops }] : [];
  });
  const by = <K extends 'op' | 'layer' | 'phase'>(key: K) =>
    models.flatMap(({ model, ops }) =>
      [...groupBy(ops, (op) => op[key])].map(([of, own]) => ({
        ...({ model, [key]: of } as { model: OfModel['model'] } & Pick<LedgerOp, K>),
        ...sumOps(own),
      })),
    );
  return {
    ...{ op: by('op'), layer: by('layer'), phase: by('phase') },
    engine: models.map(({ model, ops }) => ({ model, ...sumOps(ops) })),
    turn: workByTurn(events, ledgers),
  };
}
