import { Presets, SingleBar } from 'cli-progress';
import type { Progress } from '../index.js';

/** Shows progress on standard error: a bar on a terminal, otherwise a line every five seconds. */
export class ProgressDisplay {
  private bar: SingleBar | null = null;
  private phase: string | null = null;
  private started = 0;
  private lastLine = 0;
  private readonly label: string;

  constructor(label: string) {
    this.label = label;
  }

  readonly update = ({ phase, done, total, tokens }: Progress): void => {
    const now = performance.now();
    if (phase !== this.phase) {
      this.stop();
      this.phase = phase;
      this.started = now;
      this.lastLine = now;
      if (process.stderr.isTTY) this.bar = this.start(total);
    }
    const name = phase === 'calibrate' ? `${this.label}: calibrating` : this.label;
    const rate = tokens / Math.max(1e-3, (now - this.started) / 1000);
    if (this.bar) {
      this.bar.update(done, { name, rate: rate.toFixed(0) });
    } else if (now - this.lastLine > 5000) {
      this.lastLine = now;
      process.stderr.write(`${name}: ${done}/${total} chains, ${rate.toFixed(0)} tokens/s\n`);
    }
  };

  stop(): void {
    this.bar?.stop();
    this.bar = null;
  }

  private start(total: number): SingleBar {
    const format = '{name} {bar} {value}/{total} chains, {rate} tokens/s, {eta_formatted} left';
    const bar = new SingleBar(
      { format, stream: process.stderr, hideCursor: true, clearOnComplete: true, barsize: 24, fps: 5 },
      Presets.shades_classic,
    );
    bar.start(total, 0, { name: this.label, rate: '0' });
    return bar;
  }
}
