import { existsSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import {
  AttsError,
  aloneWork,
  type ChainWork,
  hardwareOf,
  hardwareSpecs,
  inspectModel,
  modelShapes,
  type PassTimer,
  type Policy,
  passTimer,
  type Run,
  readProfile,
  readRun,
  recordedWork,
  rooflineTime,
  runTimes,
  type Simulation,
  simulate,
  syntheticWork,
} from '../../index.js';
import { table } from '../format.js';
import { jsonFlag } from '../json-flag.js';

const number = (fallback: number, describe: string) =>
  ({ type: 'number', default: fallback, requiresArg: true, describe }) as const;

export const simulateCommand: CommandModule = {
  command: 'simulate',
  describe: 'What sync, async and the target alone would take, from hardware and workload, without running a model',
  builder: (cli) =>
    cli.options({
      draft: {
        type: 'string',
        default: 'qwen2.5-1.5b',
        requiresArg: true,
        describe: `${modelNames}, a model, or a profile (.json)`,
      },
      target: { type: 'string', default: 'qwq-32b', requiresArg: true, describe: 'The same' },
      hardware: {
        type: 'string',
        default: 'a100',
        requiresArg: true,
        describe: Object.keys(hardwareSpecs).join(' | '),
      },
      'draft-devices': number(1, 'Cards of the draft'),
      'target-devices': number(1, 'Cards of the target'),
      placement: {
        type: 'string',
        default: 'separate',
        choices: ['separate', 'shared'],
        describe: 'Devices for each model, or one for both',
      },
      run: { type: 'string', requiresArg: true, describe: 'Directory of a run whose workload is taken' },
      times: {
        type: 'string',
        requiresArg: true,
        describe: 'Directory of a run with --profile whose passes, and the work between them, tell the times',
      },
      problems: number(10, 'Synthetic workload: problems'),
      samples: number(16, 'Chains a problem'),
      concurrency: number(16, 'Chains in flight'),
      'draft-tokens': number(500, 'Tokens of a draft chunk'),
      'target-tokens': number(500, 'Tokens of a target chunk'),
      'prompt-tokens': number(150, 'Tokens of a prompt'),
      'chain-tokens': number(5000, 'Mean tokens of a chain'),
      spread: number(0.4, "Standard deviation of the logarithm of a chain's length"),
      turns: number(15, 'Most turns a chain'),
      'rejection-rate': number(0.4, 'Share of rejected chunks'),
      seed: number(0, 'Seed of the workload'),
      json: jsonFlag,
    }),
  async handler(argv) {
    for (const name of ['draft-devices', 'target-devices', 'problems', 'samples', 'concurrency', 'turns']) {
      const value = argv[name];
      if (!(Number.isInteger(value) && Number(value) > 0)) {
        throw new AttsError('usage', `--${name} must be a whole number above 0 (got ${value})`);
      }
    }
    const recorded = argv.run === undefined ? null : readRun(argv.run as string);
    const chains = recorded ? workOf(recorded) : synthetic(argv);
    const policy: Policy = recorded?.manifest.config.policy ?? 'replace';
    const concurrency = recorded?.manifest.config.concurrency ?? (argv.concurrency as number);
    const measured = argv.times === undefined ? null : runTimes(readRun(argv.times as string));
    const placement = measured?.placement ?? (argv.placement as 'separate' | 'shared');
    const own = recorded?.manifest.config.placement;
    if (measured && own !== undefined && own !== placement) {
      throw new AttsError(
        'usage',
        `--times ${argv.times} ran with --placement ${placement}, --run ${argv.run} with ${own}`,
      );
    }
    const times = measured ?? { placement, draft: timerOf('draft', argv), target: timerOf('target', argv) };
    const method = (work: readonly ChainWork[], schedule: 'sync' | 'async') =>
      simulate({ chains: work, schedule, policy, concurrency, ...times });
    const methods: Record<string, Simulation> = {
      'draft-only': await method(aloneWork(chains, 'draft', policy), 'async'),
      'target-only': await method(aloneWork(chains, 'target', policy), 'async'),
      sync: await method(chains, 'sync'),
      async: await method(chains, 'async'),
    };
    const document = { schema: 'atts.simulation/1', chains: chains.length, concurrency, placement, methods };
    process.stdout.write(
      argv.json ? `${JSON.stringify(document)}\n` : `${describe(methods, chains.length, recorded)}\n`,
    );
  },
};

const modelNames = Object.keys(modelShapes).join(', ');

function workOf({ manifest: { config }, events }: Run): ChainWork[] {
  if (config.method === 'atts') return recordedWork(events);
  throw new AttsError('usage', `--run: a run of ${config.method} has no turns; give one of method atts`);
}

function synthetic(argv: Record<string, unknown>): ChainWork[] {
  const { problems, samples, spread, turns, seed } = argv as Record<string, number>;
  const [draftTokens, targetTokens, promptTokens, chainTokens, rejectionRate] = [
    ...['draft-tokens', 'target-tokens', 'prompt-tokens', 'chain-tokens', 'rejection-rate'],
  ].map((name) => argv[name] as number);
  return syntheticWork({
    ...{ problems, samples, spread, turns, seed, draftTokens, targetTokens, promptTokens, chainTokens, rejectionRate },
  });
}

/** Pass times of a role: from a profile, or from the roofline of the hardware. */
function timerOf(role: 'draft' | 'target', argv: Record<string, unknown>): PassTimer {
  const spec = argv[role] as string;
  if (spec.endsWith('.json') && existsSync(spec)) return passTimer(readProfile(spec));
  const hardware = hardwareOf(argv.hardware as string);
  const devices = argv[`${role}-devices`] as number;
  const known = modelShapes[spec];
  if (known) return (rows) => rooflineTime(hardware, known, rows, undefined, devices).seconds;
  const shape = inspectModel(spec);
  return (rows) => rooflineTime(hardware, shape, rows, undefined, devices).seconds;
}

function describe(methods: Record<string, Simulation>, chains: number, recorded: Run | null): string {
  const head = [
    'method',
    'wall s',
    '× target-only',
    '× sync',
    'barrier s/chain',
    'queue s/chain',
    'draft busy',
    'target busy',
    'tokens/s',
  ];
  const rows = Object.entries(methods).map(
    ([name, { wallSeconds, barrierSeconds, queueSeconds, busySeconds, tokensPerSecond }]) => [
      ...[
        name,
        wallSeconds.toPrecision(4),
        ratio(methods['target-only'], wallSeconds),
        ratio(methods.sync, wallSeconds),
      ],
      ...[(barrierSeconds / chains).toPrecision(3), (queueSeconds / chains).toPrecision(3)],
      ...[share(busySeconds.draft, wallSeconds), share(busySeconds.target, wallSeconds), tokensPerSecond.toFixed(0)],
    ],
  );
  const lines = [table([head, ...rows])];
  if (recorded?.summary) {
    const { schedule, time } = recorded.summary;
    const predicted = methods[schedule].wallSeconds;
    lines.push(
      '',
      `recorded ${schedule}: ${time.wallSeconds.toPrecision(4)} s, predicted / recorded ${(predicted / time.wallSeconds).toFixed(3)}`,
    );
  }
  return lines.join('\n');
}

const ratio = ({ wallSeconds }: Simulation, own: number) => (wallSeconds / own).toFixed(2);
const share = (busy: number, wall: number) => `${((100 * busy) / wall).toFixed(0)} %`;
