import { calibrationNames, median, type RunConfig, ratePerProblem, type Summary } from '../src/index.js';
import { runMethod } from './run-method.js';
import { accuracyText, markdownTable, tokensPerChain } from './table.js';

/**
 * Every calibrator on the same problems, chains and seed; the budget at its barrier and without one.
 * @param only one of them
 */
export async function runEveryCalibrator(base: RunConfig, only?: string): Promise<{ table: string; document: object }> {
  const forms = calibrationNames.map((calibration) => ({ calibration, schedule: 'async' as const }));
  const results: { calibration: string; schedule: string; summary: Summary; perProblem: number[] }[] = [];
  for (const form of [...forms, { calibration: 'budget' as const, schedule: 'sync' as const }]) {
    if (only !== undefined && form.calibration !== only) continue;
    const { summary, events } = await runMethod({ ...base, ...form }, form.calibration);
    const judged = events.flatMap(({ problem, rejected }) => (rejected === null ? [] : [{ problem, rejected }]));
    results.push({ ...form, summary, perProblem: ratePerProblem(judged).map(({ rate }) => rate) });
    process.stderr.write(`${form.calibration} ${form.schedule}: ${accuracyText(summary)} %\n`);
  }
  const rows = results.map(({ calibration, schedule, summary, perProblem }) => {
    const rejection = summary.rejection!;
    const turns = rejection.perTurn.filter(({ decisions }) => decisions >= 100).map(({ rate }) => rate);
    return [
      ...[`${calibration}${schedule === 'sync' ? ', sync' : ''}`, rejection.overall.toFixed(3)],
      ...[range(turns), rejection.rolling200 ? range(Object.values(rejection.rolling200)) : '–'],
      `${range(perProblem)} (${median(perProblem).toFixed(2)})`,
      tokensPerChain(summary).map(Math.round).join('/'),
      accuracyText(summary),
      rejection.bound ? `±${rejection.bound.value.toFixed(3)} ${rejection.bound.holds ? 'holds' : 'BROKEN'}` : '–',
    ];
  });
  const head = [
    'rule',
    'overall',
    'turns ≥ 100',
    'rolling 200',
    'problems (median)',
    'draft/scored/target',
    'accuracy %',
  ];
  return {
    table: markdownTable([[...head, 'bound'], ...rows]),
    document: { schema: 'atts.experiment.rejection-control-runs/1', config: base, results },
  };
}

function range(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(3)}–${Math.max(...values).toFixed(3)}`;
}
