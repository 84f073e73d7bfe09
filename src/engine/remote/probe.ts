import { AttsError } from '../../errors.js';
import type { Prefix, Tokenizer } from '../engine.js';
import { openText } from '../tokenizer/index.js';
import { Refused, Transient } from './failure.js';
import type { Fleet } from './fleet.js';
import type { Protocol, Scored, ScoreJob, Served, Way, WriteJob, Written } from './protocol.js';

/** Several, since a server that tells only text may have written one in other tokens than it is encoded to here. */
const samples = ['One, two, three, four,', 'The sum of 2 and 3 is', '1 + 2 = 3\n2 + 3 ='];
const sampleTokens = 8;
/**
 * Most nats a token by which a score may differ from what was drawn: a decode step and a prefill round differently in 16
 * bits, while log-probabilities of neighbouring tokens, or of other prompts, differ by more.
 */
const tolerance = 0.1;
/** Attempts at a way: an answer that is wrong as often is no accident. */
const attempts = 4;

export interface Ways {
  readonly write: Way<WriteJob, Written>;
  /** Null where the server can do none of them. */
  readonly score: Way<ScoreJob, Scored> | null;
  /** Why the ways of scoring that were tried do not do. */
  readonly refusals: readonly string[];
}

/**
 * Finds how the servers take and tell tokens, and how they score; and that the scores are right: a greedy generation's
 * log-probabilities are summed and held against the score of the same tokens.
 * @throws AttsError `engine` where they cannot continue a text, `usage` where their tokens are not the tokenizer's
 */
export async function probe(fleet: Fleet, protocol: Protocol, served: Served, tokenizer: Tokenizer): Promise<Ways> {
  const ask = async (way: Way<WriteJob, Written>, prefix: Prefix): Promise<Written> => {
    const job: WriteJob = {
      ...{ prefix, maxTokens: sampleTokens, temperature: 0, topP: 1, seed: 1 },
      ...{ stop: [], stopIds: tokenizer.stopIds, logProbs: true, top: 0 },
    };
    return (await fleet.call('generate', way.exchange(job), { attempts })).value;
  };
  const draw = async (way: Way<WriteJob, Written>, sample: string): Promise<Drawn | null> => {
    const prefix = openText(tokenizer, sample);
    const { ids: told, text, finish, logProbs = [] } = await ask(way, prefix);
    const ids = told ?? tokenizer.encodeContinuation(text);
    if (told !== null) requireSameText(tokenizer, ids, text, served);
    // An end token has a log-probability and no text.
    const isKnown = ids.length > 0 && (logProbs.length === ids.length || finish === 'stop-token');
    return isKnown ? { prefix: prefix.ids, ids, logProbs: logProbs.slice(0, ids.length) } : null;
  };
  /** A turn that is opened, and one that goes on, must be the tokens that they are here. */
  const chat = async (way: Way<WriteJob, Written>): Promise<null> => {
    const opened = tokenizer.chat([{ role: 'user', content: samples[0] }]);
    for (const begun of ['', samples[0]]) {
      const ids = [...opened.ids, ...tokenizer.encodeContinuation(begun)];
      const { prompt } = await ask(way, { ...opened, ids, text: opened.text + begun });
      if (prompt === null || prompt === ids.length) continue;
      const what = begun === '' ? 'another chat template' : 'it does not go on with a turn';
      throw new Refused(`${what} (${prompt} tokens where ${ids.length} were expected)`);
    }
    return null;
  };
  const writes = await firstOf(protocol.writes(served.model), (way) =>
    way.takes === 'messages' ? chat(way) : draw(way, samples[0]),
  );
  if (writes.found === null) {
    throw new AttsError('engine', `${served.model} cannot continue a text: ${writes.refusals.join('; ')}`);
  }
  const { way: write } = writes.found;
  if (write.takes === 'messages') return { write, score: null, refusals: ['it is only asked by messages'] };
  let drawn = writes.found.result;
  for (const sample of samples.slice(1)) drawn ??= await draw(write, sample);
  if (drawn === null) return { write, score: null, refusals: ['it does not tell how probable its tokens are'] };
  const { prefix, ids, logProbs } = drawn;
  const scores = await firstOf(protocol.scores(served.model), async (way) => {
    const { value } = await fleet.call('score', way.exchange({ prefix, chunk: ids, top: 0 }), { attempts });
    const difference = Math.abs(sum(value.logProbs) - sum(logProbs));
    if (difference <= tolerance * ids.length) return value;
    const nats = Number.isNaN(difference) ? 'no numbers' : `${difference.toFixed(3)} nats apart`;
    throw new Refused(`the score of ${ids.length} tokens is not the probability they were drawn with (${nats})`);
  });
  return { write, score: scores.found?.way ?? null, refusals: scores.refusals };
}

/** A greedy generation. */
interface Drawn {
  readonly prefix: readonly number[];
  readonly ids: readonly number[];
  readonly logProbs: readonly number[];
}

interface Search<W, Found> {
  readonly found: { readonly way: W; readonly result: Found } | null;
  readonly refusals: readonly string[];
}

/** The first way that the servers take. */
async function firstOf<W extends { readonly name: string }, Found>(
  ways: readonly W[],
  attempt: (way: W) => Promise<Found>,
): Promise<Search<W, Found>> {
  const refusals: string[] = [];
  for (const way of ways) {
    try {
      return { found: { way, result: await attempt(way) }, refusals };
    } catch (cause) {
      if (!isRefusal(cause)) throw cause;
      refusals.push(`${way.name}: ${cause.message}`);
    }
  }
  return { found: null, refusals };
}

/** Whether the server does not do it this way; a server that fails otherwise is down. */
function isRefusal(cause: unknown): cause is AttsError {
  if (cause instanceof Refused) return true;
  if (!(cause instanceof AttsError) || !(cause.cause instanceof Transient)) return false;
  // Servers fail within at what they do not know.
  return cause.cause.kind === 'bad-answer' || /^answers 5/.test(cause.cause.message);
}

function requireSameText(tokenizer: Tokenizer, ids: readonly number[], text: string, { model }: Served): void {
  // Half a character at the end is told in different ways.
  const [ours, theirs] = [tokenizer.decode(ids), text].map((some) => some.replace(/\uFFFD+$/, ''));
  if (ours.startsWith(theirs) || theirs.startsWith(ours)) return;
  throw new AttsError(
    'usage',
    `the tokenizer is not that of ${model}: what the server wrote reads ${JSON.stringify(ours)} here, ${JSON.stringify(theirs)} there; give the right ?tokenizer=NAME`,
  );
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
