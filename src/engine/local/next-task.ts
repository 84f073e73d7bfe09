/** Runs work after what is already waiting to run: results that a pass has settled are taken up before the next one. */
export function nextTask(work: () => void): void {
  setImmediate(work);
}
