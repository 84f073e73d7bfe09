/** Recorded streams of scores and times: any rule applied to them, any barrier put into them. */
export { inQuestionOrder, type RecordedScore } from './recorded.js';
export {
  countPercentileMismatches,
  decisionGroups,
  type Replay,
  type ReplayedDecision,
  replay,
} from './replay.js';
export { type ReadOptions, type RecordedTimes, readChainTimes, readScoreStream } from './source.js';
