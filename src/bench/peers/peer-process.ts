import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AttsError } from '../../errors.js';
import type { PeerJob, WriteJob } from './serve.js';

interface Answer {
  readonly ms?: number;
  readonly ids?: readonly number[];
  readonly version?: string;
  readonly threads?: number;
  readonly error?: string;
}

/** The parent's side of a peer. */
export class PeerProcess {
  readonly name: string;
  readonly version: string;
  readonly threads: number;
  private readonly child: ChildProcess;

  private constructor(name: string, child: ChildProcess, { version, threads }: Answer) {
    this.name = name;
    this.child = child;
    this.version = version ?? '';
    this.threads = threads ?? 1;
  }

  /**
   * @param script file of this folder without its ending
   * @param folder its node_modules holds the peer's package
   * @throws AttsError `usage` for a peer that is not installed there or cannot run here
   */
  static async start(name: string, script: string, folder: string, threads: number): Promise<PeerProcess> {
    const file = fileURLToPath(new URL(`./${script}.js`, import.meta.url));
    const child = fork(file, [folder, String(threads)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    try {
      return new PeerProcess(name, child, await answerOf(child));
    } catch (cause) {
      child.kill();
      throw new AttsError('usage', `${name} does not run from ${folder}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Milliseconds of the job, done once. */
  async run(job: PeerJob): Promise<number> {
    return (await this.ask(job)).ms as number;
  }

  /** Ids of the tokens written. */
  async write(job: WriteJob): Promise<readonly number[]> {
    return (await this.ask(job)).ids as readonly number[];
  }

  private ask(job: PeerJob | WriteJob): Promise<Answer> {
    const answer = answerOf(this.child);
    this.child.send(job);
    return answer;
  }

  close(): void {
    this.child.kill();
  }
}

function answerOf(child: ChildProcess): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const settle = (answer: Answer | null) => {
      child.off('message', settle).off('exit', ended);
      if (answer?.error === undefined && answer) resolve(answer);
      else reject(new Error(answer?.error ?? 'its process ended'));
    };
    const ended = () => settle(null);
    child.on('message', settle).on('exit', ended);
  });
}
