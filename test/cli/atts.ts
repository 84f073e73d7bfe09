import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** How many times something came on standard output. */
  readonly writes: number;
}

/** Runs the compiled command line as a user does, who presses Ctrl-C once `interruptWhen` is true, or kills it. */
export function atts(
  args: readonly string[],
  interruptWhen?: () => boolean,
  signal: 'SIGINT' | 'SIGKILL' = 'SIGINT',
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const outcome = { stdout: '', stderr: '', writes: 0 };
    const read = (name: 'stdout' | 'stderr') => (data: Buffer) => {
      outcome[name] += data;
    };
    const poll = setInterval(() => {
      if (!interruptWhen?.()) return;
      clearInterval(poll);
      child.kill(signal);
    }, 5);
    child.stdout.on('data', read('stdout'));
    child.stdout.on('data', () => outcome.writes++);
    child.stderr.on('data', read('stderr'));
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(poll);
      resolve({ code, ...outcome });
    });
  });
}

/** Expects one line that says what is wrong, nothing else, and the exit code. */
export async function expectRefusal(args: readonly string[], exit: number, says: RegExp): Promise<void> {
  const { code, stdout, stderr } = await atts(args);
  expect(stderr)
    .to.match(says)
    .and.to.match(/^atts: .*\n$/);
  expect(stdout).to.equal('');
  expect(code, args.join(' ')).to.equal(exit);
}

/** A fresh folder that goes when the tests of the suite are over. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'atts-cli-'));
  after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
