import { ScoreBank } from '../bank.js';
import type { Calibrator, Decision, ScoredChunk } from '../calibrator.js';
import { entry, type FeedbackRule, pull, Tally } from './feedback.js';
import { pValueOf, refuseNaN } from './static.js';

/** A problem's turn may be off its budget by less than so many rejections. */
const slack = 2;
/** Width of a problem's turn's own pull, rejections. */
const groupWidth = 2 * slack;
/** Siblings that the bank's p-value stands for while few are scored. */
const bankWeight = 2;

/**
 * The barrier's rule: of a group of m chunks the B = round(αm) with the worst (highest) scores are rejected.
 *
 * Assumption: none, not even a bank. Guarantee: exactly B of every m. What breaks it: small groups, since B/m is α only to
 * within 1/(2m); a group of one is rejected always (α ≥ ½) or never. It sees relative quality only: a problem whose chunks
 * are all good loses as many as one whose chunks are all bad.
 *
 * p is the chunk's place from the worst, over m: #{group ≥ score} / m where scores differ. Equal scores take places by
 * sample, ascending (a plain count would give them all one p, and B could not be kept). alpha is B/m.
 * Source: arXiv 2509.15148, budget B = α · samples.
 */
export function budgetCalibrator(alpha: number): Calibrator {
  return {
    name: 'budget',
    learns: false,
    decide(group): Decision[] {
      refuseNaN(group);
      const m = group.length;
      const budget = Math.round(alpha * m);
      const worstFirst = group
        .map((chunk, index) => ({ ...chunk, index }))
        // Compared, not subtracted: ∞ − ∞ is NaN.
        .sort((a, b) => (a.score === b.score ? a.sample - b.sample : a.score > b.score ? -1 : 1));
      const decisions = new Array<Decision>(m);
      worstFirst.forEach(({ index }, place) => {
        decisions[index] = { p: (place + 1) / m, alpha: budget / m, rejected: place < budget };
      });
      return decisions;
    },
    bound: () => null,
  };
}

/** What is known of the chunks of one problem at one turn. */
interface Siblings {
  readonly scores: ScoreBank;
  readonly spent: Tally;
}

/**
 * The budget without a barrier: chunks of a problem's turn are decided on one by one as they are scored, and nobody knows
 * how many will come. A chunk is ranked among its siblings so far, the bank standing for the missing ones,
 *
 *     p = (2·p_bank + #{siblings ≥ score} + ½) / (2 + #siblings + 1),
 *
 * and rejected iff p ≤ α + pull(D, 1/γ) + pull(D_group, 4), D the deficit α·scored − rejected of the run and of the
 * problem's turn, unless that would take D_group to 2 or −2.
 *
 * Assumption: none. Guarantee: at every moment, so also when the last sibling has come, a problem's turn with m chunks
 * scored has fewer than αm + 2 and more than αm − 2 rejections. One of the two decisions always keeps this: they lead 1
 * apart into an interval 4 wide. Hence |mean(rejected) − α| < 2·groups/T, the published bound, at every T. In expectation
 * the budget is α·m: the pull on D keeps the mean of rejections − α·m over problems and turns at 0, which is steered and
 * measured (`make budget`), not bounded. What breaks it: it is not the barrier's choice, since early siblings are decided
 * on before the late ones are seen; and decisions settled late add to the 2 as many as are on their way.
 * Source: arXiv 2509.15148, expected budget B = α · samples; the rule is ours.
 */
export function expectedBudgetCalibrator(rule: FeedbackRule, start: ScoreBank | undefined): Calibrator {
  const { alpha, gamma } = rule;
  const bank = start?.clone() ?? new ScoreBank();
  const run = new Tally();
  const groups = new Map<string, Siblings>();
  let holds = true;
  const boundNow = (): number => (slack * groups.size) / run.decisions;

  function decideOne(chunk: ScoredChunk): Decision {
    const { scores, spent } = entry(groups, JSON.stringify([chunk.problem, chunk.turn]), () => ({
      scores: new ScoreBank(),
      spent: new Tally(),
    }));
    // Without a bank, an even-handed guess: it neither rejects nor saves the first sibling by itself.
    const fromBank = bank.size > 0 ? pValueOf(chunk, bank, rule) : 0.5;
    const p = (bankWeight * fromBank + scores.countAtLeast(chunk.score) + 0.5) / (bankWeight + scores.size + 1);
    const ifAccepted = spent.deficit(alpha) + alpha;
    let rate = alpha + pull(run.deficit(alpha), 1 / gamma, alpha) + pull(spent.deficit(alpha), groupWidth, alpha);
    if (ifAccepted >= slack) rate = Math.max(rate, 1);
    else if (ifAccepted - 1 <= -slack) rate = Math.min(rate, -1);
    const decision = { p, alpha: rate, rejected: p <= rate };
    for (const tally of [run, spent]) tally.add(decision.rejected);
    scores.insert(chunk.score);
    if (rule.grow) bank.insert(chunk.score);
    if (Math.abs(run.deficit(alpha) / run.decisions) > boundNow()) holds = false;
    return decision;
  }

  return {
    name: 'budget',
    learns: true,
    decide(group): Decision[] {
      refuseNaN(group);
      return group.map(decideOne);
    },
    bound: () => (run.decisions === 0 ? null : { value: boundNow(), holds }),
  };
}
