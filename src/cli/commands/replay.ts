import { basename, join } from 'node:path';
import type { CommandModule } from 'yargs';
import {
  AttsError,
  banksOf,
  barrierCost,
  calibratorSettings,
  countPercentileMismatches,
  inQuestionOrder,
  makeCalibrator,
  type RecordedScore,
  type RunConfig,
  readBankFile,
  readChainTimes,
  readScoreStream,
  replay,
  runConfigSchema,
  writeFileAtomic,
  writeRejectionFigures,
} from '../../index.js';
import { describeBarrierCost, describeReplay } from '../replay-text.js';
import { readRunConfig, runFlags } from '../run-options.js';

type Field = keyof RunConfig;

const settings: readonly Field[] = ['bank', 'rejectionRate', 'calibration', 'gamma', 'seed', 'samples'];
const otherSettings = (Object.keys(runConfigSchema.shape) as Field[]).filter((field) => !settings.includes(field));

const rules = runConfigSchema.shape.pValue.unwrap().options;
const orders = ['question', 'recorded'] as const;

export const replayCommand: CommandModule = {
  command: 'replay',
  describe: 'Apply a rule to recorded scores, or barriers to recorded times',
  builder: (cli) =>
    cli
      .options({
        events: { type: 'string', requiresArg: true, describe: 'Recorded scores: run folder, events, traces, arrays' },
        durations: {
          type: 'string',
          requiresArg: true,
          describe: 'Recorded times: run folder, events, traces, samples',
        },
        ...runFlags(otherSettings),
        rule: {
          type: 'string',
          default: 'conformal',
          requiresArg: true,
          describe: `p-value of a score: ${rules.join(' | ')}`,
        },
        'grow-bank': { type: 'boolean', default: false, describe: "Online: the bank takes in the stream's own scores" },
        order: {
          type: 'string',
          default: 'question',
          requiresArg: true,
          describe: `Order of the decisions: ${orders.join(' | ')}`,
        },
        'shuffle-problems': { type: 'string', requiresArg: true, describe: 'Seed of a random order of the problems' },
        slots: { type: 'string', requiresArg: true, describe: 'With --durations: chains in flight [1,4,16,64]' },
        out: { type: 'string', requiresArg: true, describe: 'With --events: folder for JSON and figures' },
      })
      .conflicts({ events: ['durations', 'slots'], durations: 'out' }),
  async handler(argv) {
    const config = readRunConfig(argv, { pValue: choiceOf('rule', argv.rule, rules) });
    if (argv.events) await replayScores(argv, config);
    else if (argv.durations) replayTimes(argv, config);
    else throw new AttsError('usage', 'replay needs --events FILE (scores) or --durations FILE (times)');
  },
};

async function replayScores(argv: Record<string, unknown>, config: RunConfig): Promise<void> {
  const path = argv.events as string;
  const stream = ordered(readScoreStream(path, config), argv);
  if (config.bank === null && !config.growBank && config.calibration !== 'budget') {
    const isStatic = ['marginal', 'per-question', 'per-turn'].includes(config.calibration);
    const cure = isStatic ? '--bank FILE' : '--bank FILE or --grow-bank';
    throw new AttsError('usage', `--calibration ${config.calibration} knows no score yet: give ${cure}`);
  }
  const bank = config.bank === null ? null : await readBankFile(config.bank);
  const banks = bank === null ? { turns: [] } : banksOf(bank);
  if (bank !== null && banks.turns.every(({ size }) => size === 0)) {
    throw new AttsError('run', `score bank ${config.bank} holds no scores`);
  }
  const calibrator = makeCalibrator({
    ...calibratorSettings(config),
    // As recorded, chunks come one by one.
    ...{ name: config.calibration, banks, barrier: argv.order === 'question' },
  });
  const { decisions, rejection, diagnostics } = replay(
    stream,
    calibrator,
    config.rejectionRate,
    // The Beta-binomial law is that of one bank's conformal p-values.
    config.calibration === 'marginal' && config.pValue === 'conformal' ? banks.turns[0].size : undefined,
  );
  const percentileMismatches = bank === null ? null : countPercentileMismatches(stream, banks);
  const result = { schema: 'atts.replay/1', decisions: decisions.length, percentileMismatches, rejection };
  const document = `${JSON.stringify(result, null, 2)}\n`;
  const written: string[] = [];
  if (argv.out !== undefined) {
    const folder = argv.out as string;
    const rejected = decisions.map((decision) => decision.rejected);
    const drawn = { name: config.calibration, colour: 'async', rejection, rejected } as const;
    written.push(
      ...(await writeRejectionFigures(folder, drawn)),
      join(folder, 'replay.json'),
      join(folder, 'diagnostics.json'),
    );
    writeFileAtomic(join(folder, 'replay.json'), document);
    writeFileAtomic(join(folder, 'diagnostics.json'), `${JSON.stringify(diagnostics, null, 2)}\n`);
  }
  const text = () =>
    describeReplay({
      source: basename(path),
      config,
      bank,
      decisions,
      percentileMismatches,
      rejection,
      diagnostics,
      written,
    });
  process.stdout.write(argv.json ? document : `${text()}\n`);
}

function ordered(recorded: RecordedScore[], { order, shuffleProblems }: Record<string, unknown>): RecordedScore[] {
  const seed = shuffleProblems === undefined ? undefined : Number(shuffleProblems || Number.NaN);
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0)) {
    throw new AttsError('usage', `--shuffle-problems must be a whole number at least 0 (got ${shuffleProblems})`);
  }
  if (choiceOf('order', order, orders) === 'question') return inQuestionOrder(recorded, seed);
  if (seed !== undefined) throw new AttsError('usage', '--shuffle-problems needs --order question');
  return recorded;
}

function choiceOf<T extends string>(flag: string, value: unknown, choices: readonly T[]): T {
  const choice = choices.find((one) => one === value);
  if (choice !== undefined) return choice;
  throw new AttsError('usage', `--${flag} must be one of ${choices.join(', ')} (got ${value})`);
}

function replayTimes(argv: Record<string, unknown>, config: RunConfig): void {
  const path = argv.durations as string;
  const slots = String(argv.slots ?? '1,4,16,64')
    .split(',')
    .map(Number);
  if (slots.some((count) => !(Number.isSafeInteger(count) && count > 0))) {
    throw new AttsError(
      'usage',
      `--slots must be whole numbers greater than 0, with commas between (got ${argv.slots})`,
    );
  }
  const { chains, turnTimes } = readChainTimes(path, config);
  const result = { schema: 'atts.barrier/1', turnTimes, ...barrierCost(chains, slots) };
  const text = argv.json ? JSON.stringify(result, null, 2) : describeBarrierCost({ source: basename(path), ...result });
  process.stdout.write(`${text}\n`);
}
