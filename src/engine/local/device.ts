import { activate, chooseBackend, deviceOf, shortagesOf } from '../../../kernels/backends/choose.js';
import type { BackendChoice } from '../../../kernels/backends/names.js';
import { AttsError } from '../../errors.js';
import { patience } from './batching.js';
import { nextTask } from './next-task.js';

/** A model on the device: it has work or not, and runs one forward pass at a time. */
export interface DeviceModel {
  /** Requests that are running or waiting to. */
  readonly pending: number;
  /** Gives one pass to the device before it returns, and settles when the pass is over. */
  step(): Promise<void>;
}

/**
 * The device that all local models share, as one work-conserving queue of forward passes: while any model has work, the
 * device runs. It stays with a model until another has `patience` times as many pending requests: a pass costs much the
 * same for few rows as for many, and without barriers chains spread out, so that the other's batch grows meanwhile. No
 * request waits for ever, because what a model has finished becomes a request to the other. Nothing here looks at a
 * clock, so the order of passes, and with it every order-dependent decision above, repeats from run to run.
 */
export class Device {
  readonly backend: string;
  private readonly models: DeviceModel[] = [];
  private current: DeviceModel | null = null;
  private isRunning = false;
  /** When the last pass ended, or the device woke; milliseconds. */
  idleSince = 0;
  /** Requests that ended with the last pass. */
  ended = 0;

  private constructor(backend: string) {
    this.backend = backend;
  }

  private static readonly opened = new Map<string, Device>();

  /** The process's device on a backend; engines opened on the same backend share it. */
  static async open(choice: BackendChoice, threads: number | null = null): Promise<Device> {
    const name = await chooseBackend(choice, threads);
    const device = Device.opened.get(name) ?? new Device(name);
    Device.opened.set(name, device);
    return device;
  }

  /** Runs the body with this device's backend as the active one of tfjs, which knows only one at a time. */
  use<T>(body: () => T): T {
    activate(this.backend);
    return body();
  }

  /** What tensors made now belong to; null while a GPU is lost. */
  get hardware(): object | null {
    return deviceOf(this.backend);
  }

  /** How often the hardware had no memory left. */
  get shortages(): number {
    return shortagesOf(this.backend);
  }

  /** Opens the backend again on a device that works. @throws AttsError `engine` where there is none */
  async reopen(): Promise<void> {
    try {
      await chooseBackend(this.backend as BackendChoice);
    } catch (cause) {
      throw new AttsError('engine', 'the GPU was lost and none opens; start the command again when one does', {
        cause,
      });
    }
  }

  add(model: DeviceModel): void {
    this.models.push(model);
  }

  remove(model: DeviceModel): void {
    this.models.splice(this.models.indexOf(model), 1);
    if (this.current === model) this.current = null;
  }

  /** Says that a model has work. */
  wake(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    // Requests made in the same tick go into the same first pass.
    nextTask(() => {
      this.idleSince = performance.now();
      this.ended = 0;
      void this.run();
    });
  }

  private async run(): Promise<void> {
    const fullest = this.models.reduce<DeviceModel | null>((a, b) => (b.pending > (a?.pending ?? 0) ? b : a), null);
    if (!fullest) {
      this.isRunning = false;
      return;
    }
    const { current } = this;
    const next = current && fullest.pending < patience * current.pending ? current : fullest;
    this.current = next;
    await this.use(() => next.step());
    // Between passes the chains take their results and ask for more.
    nextTask(() => void this.run());
  }
}
