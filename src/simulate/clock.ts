/** Virtual seconds, moved on by the devices and by what chains wait for besides them. */
export class VirtualClock {
  now = 0;
  chainsEnded = 0;
  private delays: { readonly at: number; readonly resolve: () => void }[] = [];

  /** Ends so many seconds from now. */
  delay(seconds: number): Promise<void> {
    if (seconds === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.delays.push({ at: this.now + seconds, resolve });
    });
  }

  /** When the first delay ends; infinity without one. */
  get nextDelay(): number {
    return this.delays.reduce((first, { at }) => Math.min(first, at), Infinity);
  }

  /** Ends the delays that are over. */
  release(): void {
    const over = this.delays.filter(({ at }) => at <= this.now);
    this.delays = this.delays.filter(({ at }) => at > this.now);
    for (const { resolve } of over) resolve();
  }
}
