/** Conformal control of the rejection rate: scores → bank → p-value → decision, and what the decisions tell. */
export { ScoreBank } from './bank.js';
export { banksOf, readBankFile, writeBankFile } from './bank-file.js';
export { BANK_SCHEMA, type BankFile, type BankProvenance } from './bank-format.js';
export {
  type CalibrationName,
  type Calibrator,
  calibrationNames,
  type Decision,
  type ScoredChunk,
} from './calibrator.js';
export { type CalibratorOptions, defaultGamma, makeCalibrator } from './calibrators/index.js';
export {
  betaBinomialInterval,
  betaBinomialLaw,
  duplicateShare,
  jumperMartingaleLog10,
  kolmogorovSmirnovUniform,
  type Observation,
  ratePerProblem,
  ratePerTurn,
  rollingRange,
} from './drift.js';
export { type PValueKind, pValue } from './p-value.js';
