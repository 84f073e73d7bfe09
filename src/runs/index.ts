/** A run on disk: what it was made with, what it wrote line by line, how it resumes, what it comes to. */
export { type RunConfig, runConfigSchema } from './config.js';
export { RunDirectory } from './directory.js';
export { JsonlWriter, readJsonl, strictJson } from './jsonl.js';
export { describeMachine, describeVersions } from './machine.js';
export { readManifest } from './manifest.js';
export { type Run, readRun } from './read.js';
export {
  type ChainRecord,
  type ChunkRecord,
  chainKey,
  type Method,
  type ModelCallEvent,
  type Policy,
  type Schedule,
  type Summary,
} from './records.js';
export type { RunManifest } from './schemas.js';
export { type SummaryInput, summarise } from './summary.js';
