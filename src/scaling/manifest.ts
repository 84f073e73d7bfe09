import type { Engine } from '../engine/engine.js';
import { describeMachine, describeVersions } from '../runs/machine.js';
import type { RunManifest } from '../runs/schemas.js';
import type { Dataset } from '../tasks/problem.js';
import { readPromptFile } from '../tasks/prompts.js';
import type { ScaleOptions } from './scale.js';

/** What decides a run, for the record and for those who resume it. */
export function manifestOf(
  { config, dataset }: ScaleOptions,
  draft: Engine | null,
  target: Engine | null,
): RunManifest {
  const identity = (engine: Engine | null) =>
    engine && { id: engine.model.id, hash: engine.model.hash, fingerprint: engine.model.fingerprint };
  const prompt = readPromptFile(config.prompt);
  return {
    schema: 'atts.run/1',
    config,
    draft: identity(draft),
    target: identity(target),
    dataset: describeDataset(dataset),
    ...(prompt ? { promptFile: prompt } : {}),
    kernelBuild: buildsOf([draft, target]),
    versions: describeVersions(),
    machine: describeMachine(),
    created: new Date().toISOString(),
  };
}

/** What computes the models: one build, or two where one of them is on a server. */
function buildsOf(engines: readonly (Engine | null)[]): string {
  const builds = engines.flatMap((engine) => (engine ? [engine.model.build] : []));
  return [...new Set(builds)].join(' and ');
}

/** What the run asks: for every multiple-choice question, how its options were shuffled and which one is right. */
function describeDataset({ name, hash, problems, source }: Dataset): RunManifest['dataset'] {
  const choices = problems.flatMap(({ id, answer, choices }) =>
    choices ? [[id, `${answer} of ${choices.order.join(',')}`] as const] : [],
  );
  return {
    ...{ name, hash, problems: problems.length },
    ...(source ? { source: { ...source, files: [...source.files] } } : {}),
    ...(choices.length > 0 ? { choices: Object.fromEntries(choices) } : {}),
  };
}
