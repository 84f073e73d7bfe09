#!/usr/bin/env node
import { createRequire } from 'node:module';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { AttsError } from '../index.js';
import { benchCommand } from './commands/bench.js';
import { calibrateCommand } from './commands/calibrate/index.js';
import { compareCommand } from './commands/compare.js';
import { doctorCommand } from './commands/doctor.js';
import { generateCommand } from './commands/generate.js';
import { gradeCommand } from './commands/grade.js';
import { mergeCommand } from './commands/merge.js';
import { modelsCommand } from './commands/models/index.js';
import { profileCommand } from './commands/profile.js';
import { replayCommand } from './commands/replay.js';
import { reportCommand } from './commands/report.js';
import { runCommand } from './commands/run.js';
import { scoreCommand } from './commands/score.js';
import { serveCommand } from './commands/serve.js';
import { simulateCommand } from './commands/simulate.js';

const { version } = createRequire(import.meta.url)('atts/package.json') as { version: string };
const isVerbose = process.argv.includes('--verbose');

// A reader that has seen enough (head, less) closes the pipe; that is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

function fail(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`atts: ${message.replace(/\s+/g, ' ').trim()}\n`);
  if (isVerbose && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`);
  process.exit(process.exitCode === 130 ? 130 : error instanceof AttsError ? error.exitCode : 1);
}

function stackOf(error: Error): string {
  const stack = error.stack ?? String(error);
  return error.cause instanceof Error ? `${stack}\ncaused by ${stackOf(error.cause)}` : stack;
}

/** What yargs refuses, in a line. */
function refusal(message: string): string {
  const [, flag, given, choices] = /Argument: (.+), Given: "(.*)", Choices: (.+)/.exec(message) ?? [];
  if (flag) return `--${flag} must be one of ${choices.replaceAll('"', '')} (got ${given})`;
  return `${message.split('\n')[0]} (atts --help shows what there is)`;
}

// Who reads only the first lines has what he wants.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
  fail(error);
});

await yargs(hideBin(process.argv))
  .scriptName('atts')
  .usage(
    '$0 <command> [options]\n\nAsynchronous test-time scaling: a draft model writes, a target model checks, nobody waits.',
  )
  .command(runCommand)
  .command(compareCommand)
  .command(mergeCommand)
  .command(calibrateCommand)
  .command(scoreCommand)
  .command(generateCommand)
  .command(replayCommand)
  .command(gradeCommand)
  .command(reportCommand)
  .command(modelsCommand)
  .command(profileCommand)
  .command(simulateCommand)
  .command(serveCommand)
  .command(benchCommand)
  .command(doctorCommand)
  .option('verbose', { type: 'boolean', default: false, describe: 'Show the stack trace of an error' })
  .demandCommand(1, 'no command given')
  .strictCommands()
  .strict()
  .locale('en')
  .recommendCommands()
  .version(version)
  .wrap(Math.min(110, process.stdout.columns ?? 110))
  .fail((message, error) =>
    // What yargs itself refuses comes as a message or as an error of its own.
    fail(error && error.name !== 'YError' ? error : new AttsError('usage', refusal(message ?? error.message))),
  )
  .parseAsync();
// A pipe takes in later what was written to it: the end must not cut it off.
await new Promise<void>((written) => process.stdout.write('', () => written()));
// Engines keep nothing open, but a wasm backend may: the work is done.
process.exit(process.exitCode ?? 0);
