import { SingleBar } from 'cli-progress';
import type { Progress } from '../index.js';
import { note } from './output.js';

/** Milliseconds between two lines where standard error is no terminal. */
const lineEvery = 5000;

/** Shows how far long work has come: a bar on a terminal, a line every few seconds elsewhere. */
export class ProgressDisplay {
  private readonly label: string;
  private bar: SingleBar | null = null;
  private phase: Progress['phase'] | null = null;
  private phaseBegan = 0;
  private doneBefore = 0;
  private lastLine = 0;

  constructor(label: string) {
    this.label = label;
  }

  update(progress: Progress): void {
    const now = performance.now();
    if (progress.phase !== this.phase) {
      this.stop();
      this.phase = progress.phase;
      this.phaseBegan = this.lastLine = now;
      // Chains of an earlier process, in a resumed run, say nothing about this one's rate.
      this.doneBefore = progress.done;
    }
    const seconds = (now - this.phaseBegan) / 1000;
    const rate = seconds > 0 ? (progress.done - this.doneBefore) / seconds : 0;
    const left = rate > 0 ? duration((progress.total - progress.done) / rate) : '…';
    const tokens = seconds > 0 ? Math.round(progress.tokens / seconds) : 0;
    if (process.stderr.isTTY) {
      this.bar ??= this.startBar(progress.total);
      this.bar.update(progress.done, { rate: rate.toFixed(1), tokens, left });
    } else if (now - this.lastLine >= lineEvery) {
      this.lastLine = now;
      note(
        `${this.title}: ${progress.done}/${progress.total} chains, ${rate.toFixed(1)} chains/s, ${tokens} tokens/s, ${left} left`,
      );
    }
  }

  stop(): void {
    this.bar?.stop();
    this.bar = null;
  }

  private get title(): string {
    return this.phase === 'calibrate' ? `${this.label} (calibration)` : this.label;
  }

  private startBar(total: number): SingleBar {
    const bar = new SingleBar({
      format: `${this.title} {bar} {value}/{total} chains  {rate}/s  {tokens} tokens/s  {left} left`,
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      barsize: 24,
      barCompleteChar: '█',
      barIncompleteChar: '░',
    });
    bar.start(total, 0, { rate: '0.0', tokens: 0, left: '…' });
    return bar;
  }
}

/** `1:02:03` or `2:03`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
