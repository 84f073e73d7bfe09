import { sha256Hex } from '../../../src/digest.js';
import { instantiate } from './control.js';
import { kernelBytes } from './host.js';

export interface KernelBuild {
  /** `relaxed-fma`, `relaxed-muladd` or `plain`: how a multiply-add rounds. */
  readonly name: string;
  readonly module: WebAssembly.Module;
  /** SHA-256 of the module, the first 12 hex digits. */
  readonly hash: string;
}

/**
 * The fastest build that this engine compiles and whose relaxed instruction passes its test. The two differ in the last
 * bit of a multiply-add, so results repeat within one build, whose name is in every record.
 */
export async function selectBuild(): Promise<KernelBuild> {
  const relaxed = await kernelBytes('relaxed');
  if (WebAssembly.validate(relaxed)) {
    const module = new WebAssembly.Module(relaxed);
    const rounding = maddRounding(module);
    if (rounding) return { name: `relaxed-${rounding}`, module, hash: hashOf(relaxed) };
  }
  return plainBuild();
}

/** Multiplies and adds in two roundings, as WebAssembly defines them to the bit. */
export async function plainBuild(): Promise<KernelBuild> {
  const plain = await kernelBytes('plain');
  return { name: 'plain', module: new WebAssembly.Module(plain), hash: hashOf(plain) };
}

/** What relaxed_madd does on this processor, over values where one rounding and two differ; null where it does neither. */
export function maddRounding(module: WebAssembly.Module): 'fma' | 'muladd' | null {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 65_536, shared: true });
  const { testMadd } = instantiate(module, memory, () => {});
  const kinds = new Set<string>();
  for (let i = 1; i <= 64; i++) {
    const a = Math.fround(1 + i * 2 ** -23 * 1_234);
    const b = Math.fround(1 - i * 2 ** -24 * 4_321);
    const c = Math.fround(-Math.fround(a * b));
    const result = testMadd(a, b, c);
    // a · b is exact in double precision, and so is its difference from its own rounding.
    const once = Math.fround(a * b + c);
    if (result === once && result !== 0) kinds.add('fma');
    else if (result === 0) kinds.add(once === 0 ? 'either' : 'muladd');
    else return null;
  }
  if (kinds.has('fma')) return kinds.has('muladd') ? null : 'fma';
  return 'muladd';
}

function hashOf(bytes: Uint8Array): string {
  return sha256Hex([bytes]).slice(0, 12);
}
