// The thread pool: every thread runs this module over one shared memory. Thread 0 is the caller's; the others spin for
// a while after each job, because the next one of a forward pass comes within microseconds, and then sleep.

// The control block at the bottom of the memory (byte addresses, a cache line apart). control.ts has the same numbers.
const EPOCH: usize = 64;      // jobs begun; workers wait for it to change
const DONE: usize = 128;      // workers that have finished the current job
const BARRIER: usize = 192;   // arrivals at barriers of the current job
const SLEEPERS: usize = 256;  // threads asleep: workers between jobs, then those at DONE or BARRIER
const WAITERS: usize = 260;
const JOINED: usize = 384;    // threads that take part in the current job, and CLOSED when no more may
const COUNTERS: usize = 320;  // next piece of work, one counter a phase
const STOP: usize = 448;
export const JOB: usize = 512; // job code, threads in it, then the operands

const PHASES: usize = 4;
const CLOSED: i32 = 0x40000000;
// A thread that waits for others within a job watches for longer than the shares of a job are apart, then sleeps: another
// program has the processor that they need, and it gets this one. A worker between jobs watches for longer than a sleeper
// takes to wake: else both would sleep in turn, a hundred microseconds a job, and never find out of it.
const SPINS = 100_000;
const WORKER_SPINS = 1_000_000;
const SLEEP_NANOSECONDS: i64 = 200_000_000; // wakes now and then, so that a terminated worker ends
const WAIT_NANOSECONDS: i64 = 20_000_000;   // and a thread finds out that the one it waits for has ended

// Asks the thread's owner whether the others are still there; throws when not.
// @ts-ignore: decorator
@external("pool", "stalled")
declare function stalled(): void;

let thread: i32 = 0;

// @ts-ignore: decorator
@inline
export function threadIndex(): i32 { return thread; }

// @ts-ignore: decorator
@inline
export function threadCount(): i32 { return load<i32>(JOB, 4); }

// 16 KiB of this thread's own; control.ts keeps the heap off them.
// @ts-ignore: decorator
@inline
export function threadBuffer(): usize { return 65_536 + (<usize>thread << 14); }

// An operand of the current job: 32-bit integer, address or float.
// @ts-ignore: decorator
@inline
export function operand(index: i32): i32 { return load<i32>(JOB + 8 + (<usize>index << 2)); }
// @ts-ignore: decorator
@inline
export function address(index: i32): usize { return <usize>load<u32>(JOB + 8 + (<usize>index << 2)); }
// @ts-ignore: decorator
@inline
export function operandF32(index: i32): f32 { return load<f32>(JOB + 8 + (<usize>index << 2)); }

// Takes the next `count` pieces of a phase's work: the index of the first. Whoever is free takes more.
// @ts-ignore: decorator
@inline
export function take(phase: i32, count: i32): i32 {
  const counter = COUNTERS + (<usize>phase << 2);
  if (threadCount() == 1) {
    const first = load<i32>(counter);
    store<i32>(counter, first + count);
    return first;
  }
  return atomic.add<i32>(counter, count);
}

let runEnd = 0;

// The first of a phase's `units` that this thread works on; `nextUnit` gives the one after it, `units` where none is left.
// Units that follow each other lie side by side in memory: a thread takes a run of them, long at first, since what the
// processor reads ahead at the end of one is another thread's work, and short at last, so that all end together.
export function firstUnit(phase: i32, units: i32): i32 {
  const threads = threadCount();
  let run = take(phase, 1), first = 0, length = max(1, units / (2 * threads));
  for (; run >= threads && first < units; run -= threads) {
    first += threads * length;
    length = max(1, (units - first) / (2 * threads));
  }
  first = min(units, first + run * length);
  runEnd = min(units, first + length);
  return first;
}

// @ts-ignore: decorator
@inline
export function nextUnit(phase: i32, units: i32, unit: i32): i32 {
  return unit + 1 < runEnd ? unit + 1 : firstUnit(phase, units);
}

// Waits until the count at `at`, which others add to by `arrive`, has come to `each` for every thread that has joined, less
// `but`.
function awaitCount(at: usize, each: i32, but: i32): void {
  for (let spin = 0; spin < SPINS; spin++) {
    if (isComplete(at, each, but)) return;
  }
  atomic.add<i32>(WAITERS, 1);
  for (;;) {
    const count = atomic.load<i32>(at);
    if (isComplete(at, each, but)) break;
    atomic.wait<i32>(at, count, WAIT_NANOSECONDS);
    if (atomic.load<i32>(STOP) != 0) unreachable();
    stalled();
  }
  atomic.sub<i32>(WAITERS, 1);
}

// @ts-ignore: decorator
@inline
function isComplete(at: usize, each: i32, but: i32): bool {
  return atomic.load<i32>(at) >= each * (atomic.load<i32>(JOINED) & ~CLOSED) - but;
}

function arrive(at: usize): void {
  atomic.add<i32>(at, 1);
  if (atomic.load<i32>(WAITERS) > 0) atomic.notify(at, -1);
}

let passed = 0; // barriers of the current job behind this thread

// Waits until every thread that has joined has come as far. Who joins later finds the work before it taken and done, and
// passes.
export function barrier(): void {
  if (threadCount() == 1) return;
  passed++;
  arrive(BARRIER);
  awaitCount(BARRIER, passed, 0);
}

// Waits until all threads of the job have joined: for measurements, whose work is not shared but repeated by every thread.
export function everyone(): void {
  const threads = threadCount();
  if (threads > 1) {
    for (let spin = 1; (atomic.load<i32>(JOINED) & ~CLOSED) < threads; spin++) {
      if (atomic.load<i32>(STOP) != 0) unreachable();
      if (spin % SPINS == 0) stalled();
    }
  }
}

export function startJob(): void { passed = 0; }

// Thread 0: begins the job whose code and operands are written. The caller then does its share and calls `finish`.
export function begin(): void {
  for (let phase: usize = 0; phase < PHASES; phase++) store<i32>(COUNTERS + (phase << 2), 0);
  if (threadCount() == 1) return;
  store<i32>(BARRIER, 0);
  store<i32>(DONE, 0);
  atomic.store<i32>(JOINED, 1);
  atomic.add<i32>(EPOCH, 1);
  if (atomic.load<i32>(SLEEPERS) > 0) atomic.notify(EPOCH, -1);
}

// Thread 0: nothing is left to take. Waits for those who took something, not for a worker that has not come yet: where
// another program has its processor, it would not for milliseconds.
export function finish(): void {
  if (threadCount() == 1) return;
  atomic.add<i32>(JOINED, CLOSED);
  awaitCount(DONE, 1, 1);
}

// A worker: takes part in the current job, unless it is closed. The job stays until the worker reports that it is done.
export function join(): bool {
  let joined = atomic.load<i32>(JOINED);
  while (joined < CLOSED) {
    const found = atomic.cmpxchg<i32>(JOINED, joined, joined + 1);
    if (found == joined) return true;
    joined = found;
  }
  return false;
}

// The job that was begun last.
export function epoch(): i32 { return atomic.load<i32>(EPOCH); }

// A worker: waits for the next epoch after `seen` and gives it back; −1 when it is to end.
export function awaitEpoch(seen: i32): i32 {
  for (let spin = 0; spin < WORKER_SPINS; spin++) {
    const current = epoch();
    if (atomic.load<i32>(STOP) != 0) return -1;
    if (current != seen) return current;
  }
  atomic.add<i32>(SLEEPERS, 1);
  while (atomic.load<i32>(EPOCH) == seen && atomic.load<i32>(STOP) == 0) {
    atomic.wait<i32>(EPOCH, seen, SLEEP_NANOSECONDS);
  }
  atomic.sub<i32>(SLEEPERS, 1);
  return atomic.load<i32>(STOP) != 0 ? -1 : atomic.load<i32>(EPOCH);
}

export function setThread(index: i32): void { thread = index; }

export function reportDone(): void { arrive(DONE); }
