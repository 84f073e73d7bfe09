/** Conformal control of the rejection rate: scores → bank → p-value → decision, and what the decisions tell. */
export { ScoreBank } from './bank.js';
export { readBankFile, writeBankFile } from './bank-file.js';
export { BANK_SCHEMA, type BankFile, storedBank } from './bank-format.js';
export { type BankInspection, inspectBank, type ScoreListInspection } from './bank-inspect.js';
export { mergeBanks } from './bank-merge.js';
export { type BankWeights, banksOf, problemWeights, scoresByTurn } from './banks.js';
export {
  type CalibrationName,
  type Calibrator,
  calibrationNames,
  type Decision,
  type ScoredChunk,
} from './calibrator.js';
export { type CalibratorOptions, defaultGamma, makeCalibrator } from './calibrators/index.js';
export { betaBinomialInterval, betaBinomialLaw } from './diagnostics/beta-binomial.js';
export { type Duplicates, duplicates } from './diagnostics/duplicates.js';
export { type DiagnoseOptions, type Diagnostics, diagnose } from './diagnostics/index.js';
export { type JumperMartingale, jumperMartingaleLog10 } from './diagnostics/martingale.js';
export { type Observation, type Rate, ratePerProblem, ratePerTurn, rollingRange } from './diagnostics/rates.js';
export { type PValueKind, pValue } from './p-value.js';
export {
  type BankProvenance,
  differencesText,
  type ProvenanceDifference,
  provenanceDifferences,
} from './provenance.js';
