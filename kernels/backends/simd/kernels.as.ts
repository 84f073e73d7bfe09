// All jobs of the pool, compiled as one module. control.ts has the same codes.
import { attentionJob } from '../../ops/attention/simd.as';
import { embeddingJob } from '../../ops/embedding/simd.as';
import { gatedMlpJob } from '../../ops/gated-mlp/simd.as';
import { linearJob } from '../../ops/linear/simd.as';
import { rmsNormJob } from '../../ops/rms-norm/simd.as';
import { ropeAppendJob } from '../../ops/rope/simd.as';
import { sampleJob } from '../../ops/sample/simd.as';
import { tokenLogProbJob } from '../../ops/token-log-prob/simd.as';
import { madd } from './math.as';
import { JOB, awaitEpoch, begin, epoch, everyone, finish, join, reportDone, setThread, startJob } from './pool.as';
import { peak16Job, peak4Job, peak4TileJob, peak8Job, peakExpJob, peakJob, readJob, sweepJob } from './roofs.as';

function runJob(): void {
  startJob();
  switch (load<i32>(JOB)) {
    case 1: linearJob(); break;
    case 2: rmsNormJob(); break;
    case 3: ropeAppendJob(); break;
    case 4: attentionJob(); break;
    case 5: gatedMlpJob(); break;
    case 6: embeddingJob(); break;
    case 7: tokenLogProbJob(); break;
    case 8: sampleJob(); break;
    case 9: readJob(); break;
    case 10: peakJob(); break;
    case 11: everyone(); break; // measures the pool itself
    case 12: peak16Job(); break;
    case 13: sweepJob(); break;
    case 14: peakExpJob(); break;
    case 15: peak8Job(); break;
    case 16: peak4Job(); break;
    case 17: peak4TileJob(); break;
    default: unreachable();
  }
}

// Thread 0 runs the job whose operands are written, with the workers that join it.
export function dispatch(): void {
  begin();
  runJob();
  finish();
}

// The loop of a worker thread; returns when the pool stops.
export function work(index: i32): void {
  setThread(index);
  let seen = 0;
  for (;;) {
    seen = awaitEpoch(seen);
    if (seen < 0) return;
    if (!join()) continue;
    seen = epoch();
    runJob();
    reportDone();
  }
}

// a · b + c by the instruction that the build uses, for the self-test at start-up.
export function testMadd(a: f32, b: f32, c: f32): f32 {
  return f32x4.extract_lane(madd(f32x4.splat(a), f32x4.splat(b), f32x4.splat(c)), 2);
}
