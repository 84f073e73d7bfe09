import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BankFile,
  banksOf,
  type Calibrator,
  differencesText,
  makeCalibrator,
  provenanceDifferences,
  readBankFile,
  writeBankFile,
} from '../conformal/index.js';
import type { Engine } from '../engine/engine.js';
import { AttsError } from '../errors.js';
import type { RunDirectory } from '../runs/directory.js';
import type { ModelCallEvent } from '../runs/records.js';
import { buildBanks, calibratorSettings, needsBank, provenanceOf } from './calibrate.js';
import type { ScaleOptions } from './scale.js';

/**
 * The rule of the run; its bank is drawn once and kept in the run directory.
 * @param tell hears why a given bank may not belong to the run
 */
export async function openCalibrator(
  options: ScaleOptions,
  directory: RunDirectory | null,
  tell: (note: string) => void,
): Promise<Calibrator | null> {
  const { config } = options;
  if (config.method !== 'atts') return null;
  const barrier = config.schedule === 'sync';
  const settings = { ...calibratorSettings(config), name: config.calibration, barrier };
  if (!needsBank(config)) return makeCalibrator({ ...settings, banks: { turns: [] } });
  const saved = directory && join(directory.path, 'bank.json');
  let bank: BankFile;
  if (saved && existsSync(saved)) bank = await readBankFile(saved);
  else {
    bank = options.bank ?? (config.bank === null ? await drawBank(options) : await readBankFile(config.bank));
    if (saved) await writeBankFile(saved, bank);
  }
  const note = bankNote(bank, options);
  if (note) tell(note);
  return makeCalibrator({ ...settings, banks: banksOf(bank, config.bankWeights) });
}

/** Why a given bank may not belong to the run: its scores were drawn otherwise, or nobody knows how. Null if it does. */
function bankNote(bank: BankFile, options: ScaleOptions): string | null {
  const { config, dataset } = options;
  if (config.bank === null) return null;
  const [draft, target] = [options.draft as Engine, options.target as Engine];
  const differences = provenanceDifferences(bank.provenance, provenanceOf({ config, draft, target, dataset }));
  if (differences.length > 0) {
    return `score bank ${config.bank} was drawn otherwise than this run: ${differencesText(differences)}`;
  }
  const isUnknown = Object.keys(bank.provenance).length === 0;
  return isUnknown ? `score bank ${config.bank} does not tell how its scores were drawn` : null;
}

function drawBank(options: ScaleOptions): Promise<BankFile> {
  const { config, dataset, onProgress, signal } = options;
  const onEvaluated = config.calibration === 'per-question' || config.calibrateOn === 'test';
  const from = onEvaluated ? dataset : options.calibrationDataset;
  if (!from) throw new AttsError('usage', `--calibration ${config.calibration} needs a calibration split or --bank`);
  return buildBanks({
    ...{ config, dataset: from, signal },
    draft: options.draft as Engine,
    target: options.target as Engine,
    onProgress: (done, total) => onProgress?.({ phase: 'calibrate', done, total, tokens: 0 }),
  });
}

/** Brings a rule that learns to the state in which the kept decisions left it. */
export function replayDecisions(calibrator: Calibrator | null, events: readonly ModelCallEvent[]): void {
  if (!calibrator?.learns) return;
  for (const { problem, sample, turn, score } of events) {
    if (score !== null) calibrator.decide([{ problem, sample, turn, score }]);
  }
}
