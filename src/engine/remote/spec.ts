import { AttsError } from '../../errors.js';

export type ServerKind = 'sglang' | 'vllm' | 'openai';

/** A model on servers, as a spec names it. */
export interface RemoteSpec {
  readonly kind: ServerKind;
  /** Base URLs without a slash at the end, one a server; of `openai` with the path of its API. */
  readonly bases: readonly string[];
  /** Name of the model on the servers; null: the one they have. */
  readonly model: string | null;
  /** Spec of the tokenizer; null: what the servers say. */
  readonly tokenizer: string | null;
  /** Tokens of the servers' context; null: what they say. */
  readonly contextLength: number | null;
  /** Milliseconds that one attempt at a call may take. */
  readonly deadline: number;
  /** Sent as a bearer token. */
  readonly key: string | null;
}

const form = /^(?:(sglang|vllm)(?:\+(https?))?|(openai)\+(https?)):\/\/([^/?#]+)(\/[^?#]*)?(?:\?([^#]*))?(?:#(.+))?$/;
const settings = ['tokenizer', 'context', 'timeout', 'key'];
const defaultDeadline = 300;

/** Whether a spec names a model on servers, well or badly. */
export function isRemoteSpec(spec: string): boolean {
  return /^(sglang|vllm|openai)(\+\w*)?:\/\//.test(spec);
}

/**
 * Reads `sglang://host:port`, `vllm://host:port` or `openai+http(s)://host:port/v1#model`. Several servers of one model
 * are separated by commas (`vllm://a:8000,b:8000#model`); `sglang+https` and `vllm+https` encrypt. Settings follow a
 * question mark: `tokenizer=SPEC`, `context=TOKENS`, `timeout=SECONDS` of one attempt, `key=NAME` of the environment
 * variable with the bearer key (else SGLANG_API_KEY, VLLM_API_KEY or OPENAI_API_KEY).
 * @throws AttsError `usage`
 */
export function parseRemoteSpec(spec: string, environment: NodeJS.ProcessEnv = process.env): RemoteSpec {
  const bad = (what: string) => new AttsError('usage', `${withoutPassword(spec)}: ${what}`);
  const found = form.exec(spec);
  if (found === null) {
    throw bad('give sglang://host:port, vllm://host:port#model or openai+http://host:port/v1#model');
  }
  const [, native, nativeProtocol = 'http', openai, openaiProtocol, hosts, path = '', query = '', model] = found;
  const kind = (native ?? openai) as ServerKind;
  const protocol = kind === 'openai' ? openaiProtocol : nativeProtocol;
  const prefix = path.replace(/\/+$/, '') || (kind === 'openai' ? '/v1' : '');
  const bases = hosts.split(',').map((host) => {
    const base = `${protocol}://${host}${prefix}`;
    if (host === '' || !URL.canParse(base)) throw bad(`${JSON.stringify(host)} is not a host and port`);
    if (host.includes('@')) throw bad('a key belongs into an environment variable (?key=NAME), not into a name');
    return base;
  });
  if (new Set(bases).size < bases.length) throw bad('a server is named twice');
  const given = new URLSearchParams(query.replaceAll('+', '%2B'));
  for (const name of given.keys()) {
    if (!settings.includes(name)) throw bad(`unknown setting ${name}; there are ${settings.join(', ')}`);
  }
  const number = (name: string): number | null => {
    const text = given.get(name);
    if (text === null) return null;
    if (!/^[1-9]\d{0,8}$/.test(text)) throw bad(`${name} must be a whole number greater than 0 (got ${text})`);
    return Number(text);
  };
  const variable = given.get('key') ?? `${kind.toUpperCase()}_API_KEY`;
  const key = environment[variable] || null;
  if (given.has('key') && key === null) throw bad(`the environment variable ${variable} is not set`);
  if (/[^\t\x20-\x7e\x80-\xff]/.test(key ?? '')) {
    throw bad(`the key in ${variable} has a line break or another character that no header may have`);
  }
  return {
    ...{ kind, bases, key, model: model ?? null },
    tokenizer: given.get('tokenizer') || null,
    contextLength: number('context'),
    deadline: (number('timeout') ?? defaultDeadline) * 1000,
  };
}

function withoutPassword(spec: string): string {
  return spec.replace(/\/\/[^/?#]*@/, '//…@');
}
