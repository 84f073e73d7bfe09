/** A process of its own that writes a run until it is killed. Arguments: directory, then `write` or `hold`. */
import { writeSync } from 'node:fs';
import { AttsError } from '../../src/errors.js';
import { RunDirectory } from '../../src/runs/index.js';
import { chain, event, manifest } from './fixtures.js';

const [path, task] = process.argv.slice(2);
try {
  const run = RunDirectory.open(path, manifest());
  writeSync(1, 'open\n');
  if (task === 'hold') setInterval(() => {}, 1000);
  else {
    for (let sample = run.finished.length; ; sample++) {
      for (let turn = 0; turn < 5; turn++) run.recordEvent(event({ sample, turn }));
      run.recordChain(chain({ sample }));
      // Written at once: what the reader has seen, this process had counted before it was killed.
      writeSync(1, `${sample}\n`);
    }
  }
} catch (cause) {
  if (!(cause instanceof AttsError)) throw cause;
  writeSync(2, `${cause.message}\n`);
  process.exitCode = cause.exitCode;
}
