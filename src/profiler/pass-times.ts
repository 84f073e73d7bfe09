/** What the passes of a run took, and the work between them: all that a simulation of another run needs. */
import type { PassRecord } from '../engine/pass-record.js';
import { type PassCoefficients, PassFit, passSeconds } from './pass-fit.js';

/** The first passes of a process, in which code is compiled, are told apart. */
export const coldPasses = 200;

export interface PassTimes {
  /** Of passes once the code is compiled (see `pass-fit.ts`). */
  readonly coefficients: PassCoefficients;
  /**
   * What the first passes, and the work before them, took beyond that: the first, the second, the next two, the next four
   * and so on. Most of it is at the very beginning.
   */
  readonly coldSeconds: readonly number[];
  /** The work between the others: in all, and after passes that ended no call. */
  readonly host: {
    readonly passes: number;
    readonly seconds: number;
    readonly ended: number;
    readonly quietPasses: number;
    readonly quietSeconds: number;
  };
}

const noHost = { passes: 0, seconds: 0, ended: 0, quietPasses: 0, quietSeconds: 0 };

/** Learns the times of one model's passes. */
export class PassWatch {
  private readonly fit = new PassFit();
  private readonly cold: PassRecord[] = [];
  private host = noHost;

  add(pass: PassRecord): void {
    if (this.cold.length < coldPasses) {
      this.cold.push(pass);
      return;
    }
    this.fit.add(pass, pass.seconds);
    this.host = withGap(this.host, pass);
  }

  report(): PassTimes {
    // Too few passes after the first to learn from: these alone tell.
    if (this.host.passes < coldPasses) {
      const fit = new PassFit();
      for (const pass of this.cold) fit.add(pass, pass.seconds);
      return { coefficients: fit.coefficients(), coldSeconds: [], host: this.cold.reduce(withGap, noHost) };
    }
    const coefficients = this.fit.coefficients();
    const { passSeconds: gap, callSeconds } = hostTimes([this.host]);
    const coldSeconds: number[] = [];
    for (const [index, pass] of this.cold.entries()) {
      const beyond = pass.seconds - passSeconds(coefficients, pass) + pass.hostSeconds - gap - callSeconds * pass.ended;
      const { place } = coldPlace(index);
      coldSeconds[place] = (coldSeconds[place] ?? 0) + beyond;
    }
    return { coefficients, coldSeconds: coldSeconds.map((seconds) => Math.max(0, seconds)), host: this.host };
  }
}

/** Where in `coldSeconds` a pass counts, and with how many others. */
function coldPlace(index: number): { place: number; passes: number } {
  if (index === 0) return { place: 0, passes: 1 };
  const place = Math.floor(Math.log2(index)) + 1;
  const first = 2 ** (place - 1);
  return { place, passes: Math.min(coldPasses, 2 * first) - first };
}

/** What the pass of this number, from 0, takes because the code is new. */
export function coldSecondsOf({ coldSeconds }: Pick<PassTimes, 'coldSeconds'>, index: number): number {
  if (index >= coldPasses) return 0;
  const { place, passes } = coldPlace(index);
  return (coldSeconds[place] ?? 0) / passes;
}

function withGap(host: PassTimes['host'], { hostSeconds, ended }: PassRecord): PassTimes['host'] {
  const isQuiet = ended === 0;
  return {
    passes: host.passes + 1,
    seconds: host.seconds + hostSeconds,
    ended: host.ended + ended,
    quietPasses: host.quietPasses + (isQuiet ? 1 : 0),
    quietSeconds: host.quietSeconds + (isQuiet ? hostSeconds : 0),
  };
}

/** Seconds of the work between passes. */
export interface HostTimes {
  /** A pass: choosing its rows and settling them. */
  readonly passSeconds: number;
  /** A call: its result taken, the next one made. */
  readonly callSeconds: number;
  /** A chain: written and synced to the disk. */
  readonly chainSeconds: number;
}

/**
 * Of the models of one device.
 * @param records what writing the chains took, where that was done between the passes
 */
export function hostTimes(hosts: readonly PassTimes['host'][], records = { chains: 0, seconds: 0 }): HostTimes {
  const total = (key: keyof PassTimes['host']) => sum(hosts.map((host) => host[key]));
  const passSeconds = total('quietSeconds') / Math.max(1, total('quietPasses'));
  const ofCalls = total('seconds') - passSeconds * total('passes') - records.seconds;
  return {
    passSeconds,
    callSeconds: Math.max(0, ofCalls) / Math.max(1, total('ended')),
    chainSeconds: records.seconds / Math.max(1, records.chains),
  };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
