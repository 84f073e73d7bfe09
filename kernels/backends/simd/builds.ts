import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { instantiate } from './control.js';

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
export function selectBuild(): KernelBuild {
  // Node 20 has relaxed SIMD behind a flag, later ones have it on.
  if (Number(process.versions.node.split('.')[0]) < 21) setFlagsFromString('--experimental-wasm-relaxed-simd');
  const relaxed = bytesOf('relaxed');
  if (WebAssembly.validate(relaxed)) {
    const module = new WebAssembly.Module(relaxed);
    const rounding = maddRounding(module);
    if (rounding) return { name: `relaxed-${rounding}`, module, hash: hashOf(relaxed) };
  }
  return plainBuild();
}

/** Multiplies and adds in two roundings, as WebAssembly defines them to the bit. */
export function plainBuild(): KernelBuild {
  const plain = bytesOf('plain');
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

function bytesOf(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`./${name}.wasm`, import.meta.url)));
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 12);
}
