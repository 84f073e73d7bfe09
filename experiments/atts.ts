import { type StdioOptions, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));

/** Runs the command line as a user does; where it fails, so does the experiment, with what it said. */
export function atts(args: readonly string[], stdio: StdioOptions): void {
  const { status, stderr } = spawnSync(process.execPath, [main, ...args], { stdio });
  if (status === 0) return;
  process.stderr.write(`${stderr ?? ''}atts ${args.join(' ')} ended with ${status ?? 'a signal'}\n`);
  process.exit(status ?? 1);
}
