import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import {
  AttsError,
  type BankFile,
  buildBanks,
  type Engine,
  needsBank,
  openText,
  type RunConfig,
  type Summary,
  scale,
  writeReport,
} from '../../index.js';
import { accuracyText, percent, table } from '../format.js';
import { ProgressDisplay, warn } from '../progress.js';
import { readRunConfig, runFlags } from '../run-options.js';
import { interruptible, openSession } from '../session.js';

export const comparedMethods = ['draft-only', 'target-only', 'sync', 'async'] as const;
export type ComparedMethod = (typeof comparedMethods)[number];

export const compareCommand: CommandModule = {
  command: 'compare',
  describe: 'Run draft-only, target-only, sync and async side by side; one table, one report',
  builder: (cli) =>
    cli
      .options(runFlags(['method', 'schedule']))
      .option('methods', { type: 'string', default: comparedMethods.join(','), describe: 'Which of them' })
      .option('sync-calibration', {
        ...{ type: 'string', default: 'budget', choices: ['budget', 'same'] },
        describe: 'Rule of sync: the budget of the group (the true baseline), or the same as async',
      })
      .option('out', { type: 'string', default: 'runs/compare', requiresArg: true, describe: 'Directory of the runs' }),
  async handler(argv) {
    const base = readRunConfig(argv, { method: 'atts', schedule: 'async' });
    const out = argv.out as string;
    const chosen = chooseMethods(argv.methods as string);
    refuseForeign(out);
    const configs = new Map(
      chosen.map((method) => [method, configOf(method, base, argv['sync-calibration'] as string)]),
    );
    const summaries: Partial<Record<ComparedMethod, Summary>> = {};
    await interruptible(`run the same command again to resume ${out}`, async (signal) => {
      const isDrawn = [...configs.values()].some((config) => needsBank(config) && config.bank === null);
      const bank = isDrawn ? await drawBank(base, signal) : undefined;
      for (const [method, config] of configs) {
        // Engines of its own: no method finds the pages that an earlier one left in the cache.
        const session = await openSession(config);
        const progress = new ProgressDisplay(method);
        const shown = { onProgress: progress.update, onNote: warn };
        const options = { config, ...session, bank, signal, out: join(out, method), ...shown };
        try {
          await warmUp(session.draft, { scores: false, signal });
          await warmUp(session.target, { scores: session.draft !== undefined, signal });
          summaries[method] = (await scale(options)).summary;
        } finally {
          progress.stop();
          await session.close();
        }
      }
    });
    const document = `${JSON.stringify({ schema: 'atts.compare/1', methods: summaries }, null, 2)}\n`;
    writeFileSync(join(out, 'compare.json'), document);
    const report = await writeReport(out);
    process.stdout.write(argv.json ? document : `${comparisonTable(summaries)}\n\nreport: ${report}\n`);
  },
};

/** Draws the bank before any clock starts: every method that needs scores meets the same one and none pays for it. */
async function drawBank(config: RunConfig, signal: AbortSignal): Promise<BankFile> {
  // Nobody reads what these engines cost.
  const session = await openSession({ ...config, profile: false });
  const progress = new ProgressDisplay('calibrating');
  const onProgress = (done: number, total: number) => progress.update({ phase: 'calibrate', done, total, tokens: 0 });
  const [draft, target] = [session.draft as Engine, session.target as Engine];
  const dataset = config.calibration === 'per-question' ? session.dataset : session.calibrationDataset;
  try {
    return await buildBanks({ config, draft, target, dataset: dataset ?? session.dataset, signal, onProgress });
  } finally {
    progress.stop();
    await session.close();
  }
}

/** Runs an engine before the clock starts, so that no method pays for compiling kernels. */
async function warmUp(
  engine: Engine | undefined,
  { scores, signal }: { scores: boolean; signal: AbortSignal },
): Promise<void> {
  if (!engine) return;
  const text = 'Start with 1. Add 1.';
  const prefix = openText(engine.tokenizer, text);
  const key = { seed: 0, problem: 'warm-up', sample: 0, role: 'warm-up' };
  await engine.generate({ prefix, maxTokens: 32, temperature: 1, key, signal });
  // Nobody scores by the draft, and a server may not be able to.
  if (scores) await engine.score({ prefix, chunk: prefix, signal });
}

function configOf(method: ComparedMethod, base: RunConfig, syncCalibration: string): RunConfig {
  if (method === 'draft-only' || method === 'target-only') return { ...base, method };
  if (method === 'async') return base;
  return { ...base, schedule: 'sync', calibration: syncCalibration === 'budget' ? 'budget' : base.calibration };
}

function chooseMethods(list: string): ComparedMethod[] {
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !(comparedMethods as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new AttsError('usage', `--methods: ${unknown} is none of ${comparedMethods.join(', ')}`);
  return comparedMethods.filter((method) => names.includes(method));
}

function refuseForeign(out: string): void {
  if (!existsSync(out)) return;
  const own = new Set<string>([...comparedMethods, 'compare.json', 'report.html', 'figures']);
  const foreign = readdirSync(out).find((name) => !own.has(name));
  if (foreign) throw new AttsError('config', `${out} is not a comparison (it holds ${foreign}); choose another --out`);
}

function comparisonTable(summaries: Partial<Record<ComparedMethod, Summary>>): string {
  const header = ['method', 'accuracy [95 %]', 'draft', 'scored', 'target', 'rejected'];
  header.push('barrier s/chain', 'queue s/chain', 'wall s', '× target-only', '× sync');
  const speedUp = (over: ComparedMethod, wall: number) => {
    const baseline = summaries[over];
    return baseline ? (baseline.time.wallSeconds / wall).toFixed(2) : '–';
  };
  const rows = Object.entries(summaries).map(([method, summary]) => {
    const count = summary.problems * summary.samples;
    const { tokens, time, rejection } = summary;
    return [
      ...[method, accuracyText(summary)],
      ...[tokens.draftGenerated, tokens.targetScored, tokens.targetGenerated].map((n) => (n / count).toFixed(0)),
      rejection ? percent(rejection.overall) : '–',
      ...[time.syncWaitSeconds, time.queueWaitSeconds].map((seconds) => (seconds / count).toFixed(3)),
      time.wallSeconds.toFixed(1),
      ...[speedUp('target-only', time.wallSeconds), speedUp('sync', time.wallSeconds)],
    ];
  });
  return `${table([header, ...rows])}\n(tokens a chain; same problems, seeds and token budget, one after the other)`;
}
