/**
 * What a backend's programs, and the code that runs them, hash to. `kernels/build.ts` writes the compiled form of this
 * file anew, so that a build that is half done never bears the name of another.
 */
export const kernelHashes: Readonly<Record<HashedCode, string>> = {
  ...{ simd: 'unbuilt', webgpu: 'unbuilt', references: 'unbuilt' },
};

/** The simd backends share their code, and so do those that run the ops as their references. */
export type HashedCode = 'simd' | 'webgpu' | 'references';
