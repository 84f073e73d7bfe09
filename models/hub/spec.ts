import { AttsError } from '../../src/errors.js';

export interface Repository {
  readonly kind: 'model' | 'dataset';
  /** `org/name` */
  readonly name: string;
}

/** A model of a hub, as `org/name[@revision][:file.gguf]` names it. */
export interface HubSpec {
  readonly repository: Repository;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** The one file that holds the model; null where the repository is the model. */
  readonly file: string | null;
}

const part = '[A-Za-z0-9][\\w.-]*';
const pattern = new RegExp(`^(${part}/${part})(?:@([^\\s:@]+))?(?::([^\\s:]+\\.gguf))?$`);

/** @returns null where the text does not have the form of a hub id */
export function parseHubSpec(text: string): HubSpec | null {
  const [, name, revision = 'main', file = null] = pattern.exec(text) ?? [];
  // A .gguf file that is not where a path says is no repository.
  if (name === undefined || name.endsWith('.gguf')) return null;
  if (!isInside(revision) || (file !== null && !isInside(file))) {
    throw new AttsError('usage', `${text}: a revision or file must not lead out of its repository`);
  }
  return { repository: { kind: 'model', name }, revision, file };
}

/** A relative path that stays below the folder it is joined to, on every platform: others would write where they like. */
export function isInside(path: string): boolean {
  return path !== '' && !/\\|^[A-Za-z]:/.test(path) && path.split('/').every((step) => !['', '.', '..'].includes(step));
}

export const isCommit = (revision: string) => /^[0-9a-f]{40}$/.test(revision);
