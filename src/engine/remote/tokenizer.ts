import { basename } from 'node:path';
import { embeddedCheckpoints, resolveModel } from '../../../models/checkpoint/open.js';
import { AttsError } from '../../errors.js';
import type { Tokenizer } from '../engine.js';
import { openTokenizer } from '../tokenizer/index.js';
import { Refused } from './failure.js';
import type { Fleet } from './fleet.js';
import type { Protocol, Served } from './protocol.js';
import type { RemoteSpec } from './spec.js';

/**
 * The tokenizer of the model on the servers: the one that the spec names (`?tokenizer=…`), else the one that the servers
 * name, where that is a folder, a file, a pulled hub id or an embedded checkpoint here.
 * @throws AttsError `usage` where there is none, `checkpoint` where it cannot be read
 */
export async function tokenizerOf(spec: RemoteSpec, served: Served): Promise<Tokenizer> {
  if (spec.tokenizer !== null) return openTokenizer(resolveModel(spec.tokenizer));
  const embedded = embeddedCheckpoints().map(({ name }) => name);
  const names = served.tokenizers.flatMap((name) =>
    embedded.includes(basename(name)) ? [name, basename(name)] : [name],
  );
  for (const name of names) {
    const place = resolved(name);
    if (place !== null) return openTokenizer(place);
  }
  throw new AttsError(
    'usage',
    `the tokenizer of ${served.model} is not here (the server names ${[...new Set(served.tokenizers)].join(', ')}); ` +
      'add ?tokenizer=NAME to the name of the model: a folder, a .gguf file, or org/name after atts models pull org/name',
  );
}

function resolved(name: string): string | null {
  try {
    return resolveModel(name);
  } catch (cause) {
    if (cause instanceof AttsError) return null;
    throw cause;
  }
}

/** Letters, digits, white space, mathematics, scripts and an emoji: no two vocabularies cut it alike. */
const sample = 'Add 3,141 to x²: π ≈ 3.14;\n\n\tdef f(n):  return n**2  # größer — 日本語 русский 🙂 isn’t it?';

/**
 * Holds our ids of a text against the servers'.
 * @returns false where the servers cannot be asked
 * @throws AttsError `usage` where they differ
 */
export async function checkTokenizer(
  fleet: Fleet,
  protocol: Protocol,
  served: Served,
  tokenizer: Tokenizer,
): Promise<boolean> {
  const ours = tokenizer.encode(sample);
  const opened = tokenizer.bosId === null ? ours : [tokenizer.bosId, ...ours];
  for (const way of protocol.encodes(served.model)) {
    try {
      const { value: theirs } = await fleet.call('score', way.exchange(sample), { attempts: 4 });
      const expected = theirs.length === opened.length ? opened : ours;
      const at = expected.findIndex((id, i) => id !== theirs[i]);
      if (at === -1 && theirs.length === expected.length) return true;
      const where = at === -1 ? expected.length : at;
      const ids = `${expected[where] ?? 'nothing'} here, ${theirs[where] ?? 'nothing'} on the server`;
      throw new AttsError(
        'usage',
        `the tokenizer is not that of ${served.model}: token ${where} of a sample text is ${ids}; give the right ?tokenizer=NAME`,
      );
    } catch (cause) {
      if (!(cause instanceof Refused)) throw cause;
    }
  }
  return false;
}
