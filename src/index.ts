/** The public API: open engines, load a dataset, scale, read a run. The command line is built on it alone. */
export { type BackendChoice, backendChoices } from '../kernels/backends/names.js';
export { type EmbeddedCheckpoint, embeddedCheckpoints } from '../models/checkpoint/open.js';
export { type CachedModel, cachedModels } from '../models/hub/cache.js';
export type { HubOptions } from '../models/hub/connection.js';
export { type ModelFileChoice, modelFiles } from '../models/hub/model-files.js';
export { type Pulled, type PullOptions, type PullProgress, pull } from '../models/hub/pull.js';
export { type HubSpec, parseHubSpec, type Repository } from '../models/hub/spec.js';
export { writeFileAtomic } from './atomic-file.js';
export { benchGpu, type GpuBench } from './bench/gpu.js';
export { type BenchReport, benchedParts, runBench } from './bench/index.js';
export * from './conformal/index.js';
export { isOnGpu } from './doctor/advice.js';
export { type BackendState, type DoctorReport, examineMachine } from './doctor/index.js';
export type * from './engine/engine.js';
export { inspectModel, inspectOps, inspectRemote, type ModelReport, type TokenizerReport } from './engine/inspect.js';
export { type EngineOptions, openEngine } from './engine/open.js';
export { type EnginePair, openPair, type PairOptions, type Placement } from './engine/pair.js';
export type { PassRecord } from './engine/pass-record.js';
export type { RemoteReport } from './engine/remote/index.js';
export { isRemoteSpec } from './engine/remote/spec.js';
export { openText, openTokenizer } from './engine/tokenizer/index.js';
export { TextStream } from './engine/tokenizer/text-stream.js';
export { AttsError, type ErrorCode } from './errors.js';
export {
  type BarrierCost,
  barrierCost,
  type ScheduleTimes,
  scheduleTimes,
  type TimedChain,
} from './profiler/barrier.js';
export { gpuLimits, gpuRoofs, type KnownGpuLimits } from './profiler/gpu-limits.js';
export { type Hardware, hardwareOf, hardwareSpecs, type PassTime, rooflineTime } from './profiler/hardware.js';
export { callFlops, type Intensity, intensityByTurn, type MachineRoofs } from './profiler/intensity.js';
export { type KnownLimits, machineLimits, machineRoofs, roofsOf } from './profiler/machine-limits.js';
export { modelShapes } from './profiler/model-shapes.js';
export { type ModelShape, type PassRows, passCost, passCosts, shapeOf } from './profiler/pass-cost.js';
export { predictPass } from './profiler/predict.js';
export { fewestAndMost, type ModelProfile, passTimer, profileModel, readProfile } from './profiler/profile.js';
export { type Trace, traceOf } from './profiler/trace.js';
export * from './replay/index.js';
export { drawSvg } from './report/figures/figure.js';
export { type IntensityPoint, intensityFigure } from './report/figures/intensity.js';
export { limitsFigure } from './report/figures/limits.js';
export { writeProfileRoofline, writeRejectionFigures, writeReport } from './report/index.js';
export { type RunConfig, runConfigSchema } from './runs/config.js';
export { describeMachine } from './runs/machine.js';
export { type Run, readRun } from './runs/read.js';
export type { ChainRecord, ChunkRecord, Method, ModelCallEvent, Policy, Schedule, Summary } from './runs/records.js';
export {
  buildBanks,
  type CalibrateOptions,
  calibratorSettings,
  needsBank,
  needsCalibrationSplit,
} from './scaling/calibrate.js';
export { loadRunDataset } from './scaling/datasets.js';
export { openEngines, type RunEngines, type RunProfile } from './scaling/engines.js';
export { type MergeOptions, mergeShards } from './scaling/merge.js';
export { type Regrade, type RegradeOptions, regrade, writeRegrade } from './scaling/regrade.js';
export { type Progress, type ScaleOptions, type ScaleResult, scale } from './scaling/scale.js';
export { type Question, type Solution, Solver, type SolverOptions } from './scaling/solve.js';
export { type ListeningServer, type ListenOptions, listen } from './server/listen.js';
export * from './simulate/index.js';
export {
  clusteredBootstrap,
  kolmogorovSmirnovTwoSample,
  kolmogorovSmirnovUniform,
  median,
  quantile,
} from './statistics/index.js';
export { extractAnswer } from './tasks/answers.js';
export { availableDatasets, type DatasetOptions, loadDataset } from './tasks/datasets/index.js';
export { type Grader, openGrader } from './tasks/grader.js';
export { type Judge, type JudgeQuestion, openJudge } from './tasks/judge.js';
export type { Dataset, Problem } from './tasks/problem.js';
export { openPrompt, promptMessages } from './tasks/prompts.js';
