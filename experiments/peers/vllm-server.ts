import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Loading its libraries takes half a minute, several on a busy machine. */
const startSeconds = 600;

export interface VllmOptions {
  readonly venv: string;
  readonly folder: string;
  readonly port: number;
  readonly core: number;
  readonly logs: string;
}

/** A port that nobody listens on, which another program may still take before it is used. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A vLLM server of one model, in float32, on one core. */
export class VllmServer {
  readonly name: string;
  readonly port: number;
  private readonly log: string;
  private readonly start: () => ChildProcess;
  private child: ChildProcess | null = null;

  /** @param core the processor that its arithmetic is bound to; @param logs folder of its log */
  constructor({ venv, folder, port, core, logs }: VllmOptions) {
    const program = join(venv, 'bin', 'vllm');
    if (!existsSync(program)) throw new Error(`no vLLM in ${venv}: sh experiments/peers/vllm.sh ${venv}`);
    this.name = basename(folder);
    this.log = join(logs, `${this.name}.log`);
    this.port = port;
    const address = ['--host', '127.0.0.1', '--port', String(port), '--served-model-name', this.name];
    // Its CPU build (0.32) dies where the prompt of a call with a seed is computed in parts.
    const model = ['--dtype', 'float32', '--enforce-eager', '--no-enable-chunked-prefill'];
    const environment = {
      ...{ VLLM_CPU_KVCACHE_SPACE: '1', VLLM_CPU_OMP_THREADS_BIND: String(core), VLLM_NO_USAGE_STATS: '1' },
      ...{ HF_HUB_OFFLINE: '1', PATH: `${join(venv, 'bin')}:${process.env.PATH}` },
    };
    this.start = () => {
      const log = openSync(this.log, 'a');
      return spawn(program, ['serve', folder, ...address, ...model], {
        // A group of its own: the server is several processes.
        ...{ detached: true, stdio: ['ignore', log, log], env: { ...process.env, ...environment } },
      });
    };
  }

  get spec(): string {
    return `vllm://127.0.0.1:${this.port}#${this.name}`;
  }

  /** Returns when it serves. */
  async up(): Promise<void> {
    const child = this.start();
    this.child = child;
    process.once('exit', this.kill);
    const begun = performance.now();
    while (performance.now() - begun < 1000 * startSeconds) {
      if (child.exitCode !== null) throw new Error(`${this.name} ended as it began; ${this.log} says why`);
      const answer = await fetch(`http://127.0.0.1:${this.port}/health`).catch(() => null);
      if (answer?.ok) return;
      await sleep(500);
    }
    throw new Error(`${this.name} does not serve after ${startSeconds} s`);
  }

  /** Ends all its processes at once, as a crash does. */
  readonly kill = (): void => {
    const { child } = this;
    this.child = null;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      process.kill(-child.pid, 'SIGKILL');
    }
  };
}
