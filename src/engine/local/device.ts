import { activate, type BackendChoice, chooseBackend } from '../../../kernels/backends/choose.js';

/** A model on the device: it has work or not, and runs one forward pass at a time. */
export interface DeviceModel {
  readonly hasWork: boolean;
  /** Scores are short and a chain waits for each: they go first. */
  readonly hasScores: boolean;
  step(): void;
}

/**
 * The device that all local models share, as one work-conserving queue of forward passes: while any model has work, the
 * device runs. Models with scores waiting go first, else the one that has waited longest. Nothing here looks at a clock,
 * so the order of passes, and with it every order-dependent decision above, repeats from run to run.
 */
export class Device {
  readonly backend: string;
  private readonly models: DeviceModel[] = [];
  private turn = 0;
  private readonly lastTurn = new Map<DeviceModel, number>();
  private isRunning = false;

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

  add(model: DeviceModel): void {
    this.models.push(model);
    this.lastTurn.set(model, 0);
  }

  remove(model: DeviceModel): void {
    this.models.splice(this.models.indexOf(model), 1);
    this.lastTurn.delete(model);
  }

  /** Says that a model has work. */
  wake(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    // Requests made in the same tick go into the same first pass.
    setImmediate(() => this.run());
  }

  private run(): void {
    const ready = this.models.filter((model) => model.hasWork);
    if (ready.length === 0) {
      this.isRunning = false;
      return;
    }
    const withScores = ready.filter((model) => model.hasScores);
    const candidates = withScores.length > 0 ? withScores : ready;
    const last = (model: DeviceModel) => this.lastTurn.get(model) as number;
    const next = candidates.reduce((a, b) => (last(b) < last(a) ? b : a));
    this.lastTurn.set(next, ++this.turn);
    this.use(() => next.step());
    // Between passes the chains take their results and ask for more.
    setImmediate(() => this.run());
  }
}
