import { availableParallelism } from 'node:os';
import type { Engine } from './engine.js';
import { type EngineOptions, openEngine } from './open.js';
import type { PassRecord } from './pass-record.js';
import { isRemoteSpec } from './remote/spec.js';

/** `shared`: both models take turns on one device. `separate`: each has a thread, a memory and processors of its own. */
export type Placement = 'shared' | 'separate';

export interface PairOptions extends Omit<EngineOptions, 'onPass' | 'ownThread' | 'scores'> {
  /** Spec of the draft model; absent where the method needs none. */
  readonly draft?: string;
  readonly target?: string;
  readonly placement?: Placement;
  /** Hears of every forward pass of either model. */
  readonly onPass?: (role: 'draft' | 'target', pass: PassRecord) => void;
}

export interface EnginePair {
  readonly draft?: Engine;
  readonly target?: Engine;
  close(): Promise<void>;
}

/**
 * Opens the engines of a run. `separate` splits the threads evenly, the odd one to the target; a model that is alone on
 * this machine has all of them, on the shared device.
 * @throws AttsError as `openEngine` does; nothing stays open then
 */
export async function openPair({
  placement = 'shared',
  onPass,
  draft,
  target,
  ...options
}: PairOptions): Promise<EnginePair> {
  const here = [draft, target].filter((spec) => spec !== undefined && !isRemoteSpec(spec));
  const separate = placement === 'separate' && here.length === 2;
  const threads = options.threads ?? availableParallelism();
  const open = async (role: 'draft' | 'target', spec: string | undefined, share: number) => {
    if (spec === undefined) return undefined;
    const own = separate ? { ownThread: true, threads: Math.max(1, share) } : {};
    // A target alone only writes.
    const scores = role === 'target' && draft !== undefined;
    return openEngine(spec, { ...options, ...own, scores, onPass: onPass && ((pass) => onPass(role, pass)) });
  };
  const draftEngine = await open('draft', draft, Math.floor(threads / 2));
  try {
    const targetEngine = await open('target', target, Math.ceil(threads / 2));
    const close = async () => {
      await draftEngine?.close();
      await targetEngine?.close();
    };
    return { draft: draftEngine, target: targetEngine, close };
  } catch (error) {
    await draftEngine?.close();
    throw error;
  }
}
