import { type EnginePair, openPair } from '../engine/pair.js';
import type { RunConfig } from '../runs/config.js';

/** Opens the engines that the method of a run needs, as its configuration says. */
export function openEngines({
  method,
  draft,
  target,
  backend,
  dtype,
  memory,
  threads,
  placement,
}: RunConfig): Promise<EnginePair> {
  return openPair({
    draft: method === 'target-only' ? undefined : draft,
    target: method === 'draft-only' ? undefined : target,
    ...{ backend, dtype, memory, threads, placement },
  });
}
