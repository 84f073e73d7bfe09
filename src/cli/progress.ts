import { Presets, SingleBar } from 'cli-progress';
import type { Progress, PullProgress } from '../index.js';
import { bytesText } from './format.js';

/** Shows progress on standard error: a bar on a terminal, otherwise a line every five seconds. */
export class ProgressDisplay {
  private bar: SingleBar | null = null;
  private phase: string | null = null;
  private started = 0;
  /** Chains done before this process, in a resumed run: they say nothing about its rate. */
  private resumed = 0;
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
      this.resumed = done;
      this.lastLine = now;
      if (process.stderr.isTTY) this.bar = this.start(total);
    }
    const name = phase === 'calibrate' ? `${this.label}: calibrating` : this.label;
    const seconds = Math.max(1e-3, (now - this.started) / 1000);
    const rate = (tokens / seconds).toFixed(0);
    const chainRate = (done - this.resumed) / seconds;
    const left = chainRate > 0 ? duration((total - done) / chainRate) : '…';
    if (this.bar) {
      this.bar.update(done, { name, rate, left });
    } else if (now - this.lastLine > 5000) {
      this.lastLine = now;
      process.stderr.write(
        `${name}: ${done}/${total} chains, ${chainRate.toFixed(1)} chains/s, ${rate} tokens/s, ${left} left\n`,
      );
    }
  };

  stop(): void {
    this.bar?.stop();
    this.bar = null;
  }

  private start(total: number): SingleBar {
    const bar = newBar('{name} {bar} {value}/{total} chains, {rate} tokens/s, {left} left');
    bar.start(total, 0, { name: this.label, rate: '0', left: '…' });
    return bar;
  }
}

/** The same of files that are loaded. */
export class DownloadDisplay {
  private bar: SingleBar | null = null;
  private started: { readonly time: number; readonly done: number } | null = null;
  private lastLine = 0;

  readonly update = ({ file, done, total }: PullProgress): void => {
    const now = performance.now();
    if (this.started === null) {
      // What an earlier pull left says nothing about the rate of this one.
      this.started = { time: now, done };
      this.lastLine = now;
      if (process.stderr.isTTY) this.bar = newBar('{file} {bar} {there}, {rate}/s, {left} left');
      this.bar?.start(total, done, { file, there: '', rate: '', left: '…' });
    }
    const perSecond = (done - this.started.done) / Math.max(1e-3, (now - this.started.time) / 1000);
    const left = perSecond > 0 ? duration((total - done) / perSecond) : '…';
    const there = `${bytesText(done)} of ${bytesText(total)}`;
    const rate = bytesText(perSecond);
    if (this.bar) {
      this.bar.update(done, { file, there, rate, left });
    } else if (now - this.lastLine > 5000) {
      this.lastLine = now;
      process.stderr.write(`${file}: ${there}, ${rate}/s, ${left} left\n`);
    }
  };

  stop(): void {
    this.bar?.stop();
    this.bar = null;
  }
}

function newBar(format: string): SingleBar {
  return new SingleBar(
    { format, stream: process.stderr, hideCursor: true, clearOnComplete: true, barsize: 24, fps: 5 },
    Presets.shades_classic,
  );
}

/** A doubt that does not stop the command. */
export function warn(text: string): void {
  process.stderr.write(`atts: warning: ${text}\n`);
}

/** `1:02:03` or `2:03`. */
function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
