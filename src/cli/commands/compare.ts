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
import { closeSession, interruptible, openSession } from '../session.js';

const methods = ['draft-only', 'target-only', 'sync', 'async'] as const;
type ComparedMethod = (typeof methods)[number];

export const compareCommand: CommandModule = {
  command: 'compare',
  describe: 'Run draft-only, target-only, sync and async side by side; one table, one report',
  builder: (cli) =>
    cli
      .options(runFlags(['method', 'schedule']))
      .option('methods', { type: 'string', default: methods.join(','), describe: 'Which of them' })
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
      const bank = await warmUp(
        base,
        signal,
        [...configs.values()].some((config) => needsBank(config) && config.bank === null),
      );
      for (const [method, config] of configs) {
        // Engines of its own: no method finds the pages that an earlier one left in the cache.
        const session = await openSession(config);
        const progress = new ProgressDisplay(method);
        const shown = { onProgress: progress.update, onNote: warn };
        const options = { config, ...session, bank, signal, out: join(out, method), ...shown };
        try {
          summaries[method] = (await scale(options)).summary;
        } finally {
          progress.stop();
          await closeSession(session);
        }
      }
    });
    const document = `${JSON.stringify({ schema: 'atts.compare/1', methods: summaries }, null, 2)}\n`;
    writeFileSync(join(out, 'compare.json'), document);
    const report = await writeReport(out);
    process.stdout.write(argv.json ? document : `${comparisonTable(summaries)}\n\nreport: ${report}\n`);
  },
};

/**
 * Runs both models before the clock starts, so that the first method does not pay for compiling kernels, and draws the
 * bank, so that every method that needs scores meets the same one and none pays for it in its wall time.
 */
async function warmUp(config: RunConfig, signal: AbortSignal, drawsBank: boolean): Promise<BankFile | undefined> {
  const session = await openSession(drawsBank ? config : { ...config, schedule: 'sync', calibration: 'budget' });
  const draft = session.draft as Engine;
  const target = session.target as Engine;
  const progress = new ProgressDisplay('warm-up');
  const onProgress = (done: number, total: number) => progress.update({ phase: 'calibrate', done, total, tokens: 0 });
  try {
    for (const engine of [draft, target]) await writeAndScore(engine, signal);
    const dataset = config.calibration === 'per-question' ? session.dataset : session.calibrationDataset;
    return drawsBank
      ? await buildBanks({ config, draft, target, dataset: dataset ?? session.dataset, signal, onProgress })
      : undefined;
  } finally {
    progress.stop();
    await closeSession(session);
  }
}

async function writeAndScore(engine: Engine, signal: AbortSignal): Promise<void> {
  const text = 'Start with 1. Add 1.';
  const prefix = openText(engine.tokenizer, text);
  const key = { seed: 0, problem: 'warm-up', sample: 0, role: 'warm-up' };
  await engine.generate({ prefix, maxTokens: 32, temperature: 1, key, signal });
  await engine.score({ prefix, chunk: prefix, signal });
}

function configOf(method: ComparedMethod, base: RunConfig, syncCalibration: string): RunConfig {
  if (method === 'draft-only' || method === 'target-only') return { ...base, method };
  if (method === 'async') return base;
  return { ...base, schedule: 'sync', calibration: syncCalibration === 'budget' ? 'budget' : base.calibration };
}

function chooseMethods(list: string): ComparedMethod[] {
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !(methods as readonly string[]).includes(name));
  if (unknown !== undefined) throw new AttsError('usage', `--methods: ${unknown} is none of ${methods.join(', ')}`);
  return methods.filter((method) => names.includes(method));
}

function refuseForeign(out: string): void {
  if (!existsSync(out)) return;
  const own = new Set<string>([...methods, 'compare.json', 'report.html', 'figures']);
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
