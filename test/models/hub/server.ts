import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong with one answer to a request for a file's bytes (or, as `api`, for info and listing). */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Record<string, string> }
  /** The connection ends after so many bytes of what was asked. */
  | { readonly kind: 'cut'; readonly after: number }
  /** So many bytes, then nothing. */
  | { readonly kind: 'stall'; readonly after: number }
  | { readonly kind: 'wrong' }
  /** The whole file, whatever range was asked. */
  | { readonly kind: 'no-range' };

interface ServedRepository {
  readonly commit: string;
  readonly files: Record<string, Buffer>;
  /** Branches and tags besides main. */
  readonly refs?: readonly string[];
  readonly gated?: boolean;
  readonly private?: boolean;
}

export interface Seen {
  readonly path: string;
  readonly range: string | null;
  readonly authorization: string | null;
}

/** Files of at least this many bytes are stored apart, with a SHA-256. */
const large = 1000;
export const token = 'hf_right';

/**
 * Speaks the part of the hub's protocol that a pull uses: info of a revision, a listing in pages, files behind a redirect
 * to another path (or another origin), ranges, checksums in headers, refusals with X-Error-Code.
 */
export class HubServer {
  readonly seen: Seen[] = [];
  /** By file, or `api`; the first is the next. */
  readonly faults: Record<string, Fault[]> = {};
  readonly repositories: Record<string, ServedRepository> = {};
  /** Base URL to which files are redirected. */
  storage = '';
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => this.answer(request, response));
  }

  async start(): Promise<this> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
    this.storage = this.url;
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** Requests for the bytes of a file. */
  loads(file: string): Seen[] {
    return this.seen.filter(({ path }) => path.startsWith('/storage/') && path.endsWith(`/${file}`));
  }

  private answer(request: IncomingMessage, response: ServerResponse): unknown {
    const path = decodeURIComponent(request.url ?? '').split('?')[0];
    const { range = null, authorization = null } = request.headers;
    this.seen.push({ path, range, authorization });
    const stored = /^\/storage\/((?:datasets\/)?[^/]+\/[^/]+)\/(.+)$/.exec(path);
    if (stored) return this.sendBytes(response, this.repositories[stored[1]].files[stored[2]], stored[2], range);
    const api = /^\/api\/(model|dataset)s\/([^/]+\/[^/]+)\/(revision|tree)\/(.+)$/.exec(path);
    const file = /^\/((?:datasets\/)?[^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    const name = api ? `${api[1] === 'dataset' ? 'datasets/' : ''}${api[2]}` : (file?.[1] ?? '');
    const repository = this.repositories[name];
    const allowed = authorization === `Bearer ${token}`;
    if (!repository || (repository.private && !allowed)) {
      return refuse(response, authorization ? 404 : 401, 'RepoNotFound');
    }
    if (api) {
      const fault = this.faults.api?.shift();
      if (fault?.kind === 'status') return response.writeHead(fault.status, fault.headers).end();
      if (fault) return response.destroy();
      const revision = api[4];
      if (![repository.commit, 'main', ...(repository.refs ?? [])].includes(revision)) {
        return refuse(response, 404, 'RevisionNotFound');
      }
      return api[3] === 'revision'
        ? sendJson(response, { id: name, _id: '1', sha: repository.commit, lastModified: '2025-01-01T00:00:00Z' })
        : this.sendTree(response, request, repository);
    }
    if (file === null) return refuse(response, 404, 'RepoNotFound');
    if (repository.gated && !allowed) return refuse(response, authorization ? 403 : 401, 'GatedRepo');
    const bytes = repository.files[file[3]];
    if (bytes === undefined) return refuse(response, 404, 'EntryNotFound');
    response.writeHead(302, {
      'x-repo-commit': repository.commit,
      'x-linked-etag': `"${checksumOf(bytes)}"`,
      'x-linked-size': bytes.length,
      location: `${this.storage}/storage/${name}/${file[3]}`,
    });
    response.end();
  }

  /** Two entries a page. */
  private sendTree(response: ServerResponse, request: IncomingMessage, { files }: ServedRepository): void {
    const url = new URL(request.url ?? '', this.url);
    const cursor = Number(url.searchParams.get('cursor') ?? 0);
    const entries = Object.entries(files).map(([path, bytes]) => ({
      ...{ type: 'file', path, size: bytes.length, oid: gitSha1(bytes) },
      ...(bytes.length >= large ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } } : {}),
    }));
    if (cursor + 2 < entries.length) {
      url.searchParams.set('cursor', String(cursor + 2));
      response.setHeader('link', `<${url.href}>; rel="next"`);
    }
    sendJson(response, entries.slice(cursor, cursor + 2));
  }

  private sendBytes(response: ServerResponse, all: Buffer, name: string, range: string | null): unknown {
    const fault = this.faults[name]?.shift();
    if (fault?.kind === 'status') return response.writeHead(fault.status, fault.headers).end();
    const start = fault?.kind === 'no-range' ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    if (start >= all.length && start > 0) return response.writeHead(416).end();
    let bytes = all.subarray(start);
    if (fault?.kind === 'wrong') bytes = Buffer.from(bytes.map((byte) => byte ^ 1));
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': bytes.length,
      etag: `"${checksumOf(all)}"`,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${all.length - 1}/${all.length}` } : {}),
    });
    if (fault?.kind === 'cut') {
      response.write(bytes.subarray(0, fault.after), () => setTimeout(() => response.destroy(), 20));
    } else if (fault?.kind === 'stall') response.write(bytes.subarray(0, fault.after));
    else response.end(bytes);
    return response;
  }
}

export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
export const gitSha1 = (bytes: Buffer) =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
const checksumOf = (bytes: Buffer) => (bytes.length >= large ? sha256(bytes) : gitSha1(bytes));

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'x-error-code': code, 'content-type': 'application/json' });
  response.end('{"error":"refused"}');
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
}
