import { webGpu } from '../../backends/webgpu/index.js';
import { isRoomy, linearEnding, runProduct, type Tuning, tiles } from './webgpu.js';
import { gpuBytes } from './webgpu-layout.js';

const [N, K] = [2048, 1024];

/**
 * Finds out which program and which tile this device runs faster, at the numbers of rows where that is in doubt. No result
 * depends on it: all programs add in the same order. About a second on a GPU, most of it compiling.
 */
export async function tune(): Promise<Tuning> {
  const backend = webGpu();
  const weight = backend.weights(gpuBytes(N, K, 'f32'), () => {});
  const most = 64;
  const x = backend.output([most, K]);
  const y = backend.output([most, N]);
  const time = async (M: number, candidate: Tuning): Promise<number> => {
    const run = () =>
      runProduct(
        { x: x.info, weight, M, N, K, dtype: 'f32', epsilon: 0 },
        linearEnding(false, false),
        [y.buffer],
        candidate,
      );
    await backend.deviceTime(run);
    const times = [await backend.deviceTime(run), await backend.deviceTime(run), await backend.deviceTime(run)];
    return Math.min(...times);
  };
  try {
    const ofTiles: number[] = [];
    // Elsewhere the least tile is taken, whichever is chosen.
    for (const tile of isRoomy() ? tiles.keys() : [0]) ofTiles.push(await time(most, { mostFewRows: 0, tile }));
    const tile = ofTiles.indexOf(Math.min(...ofTiles));
    let mostFewRows = 1;
    for (const M of [2, 4, 8, 16]) {
      const isFaster = (await time(M, { mostFewRows: M, tile })) < (await time(M, { mostFewRows: 0, tile }));
      if (!isFaster) break;
      mostFewRows = M;
    }
    return { mostFewRows, tile };
  } finally {
    for (const { dataId } of [weight, x.info, y.info]) backend.disposeData(dataId);
  }
}
