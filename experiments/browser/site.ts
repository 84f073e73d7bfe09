import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.jsonl': 'application/jsonl',
  '.map': 'application/json',
  '.wasm': 'application/wasm',
};

/** What makes a page cross-origin isolated, without which there is no shared memory, and keeps it to its own origin. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Content-Security-Policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src data:; object-src 'none'; base-uri 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-cache',
};

/** Serves the files of a folder on this machine. @param port 0 for any that is free */
export async function serveFolder(folder: string, port = 0): Promise<{ url: string; server: Server }> {
  const server = createServer(async ({ url = '/', method }, response) => {
    const file = method === 'GET' ? await read(folder, url) : null;
    const type =
      file === null ? 'text/plain; charset=utf-8' : (types[extname(file.path)] ?? 'application/octet-stream');
    response.writeHead(file === null ? 404 : 200, { ...headers, 'Content-Type': type });
    response.end(file?.bytes ?? 'not found\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}

/** The file that a request names, which lies in the folder; null where there is none. */
async function read(folder: string, url: string): Promise<{ path: string; bytes: Buffer } | null> {
  try {
    const { pathname } = new URL(url, 'http://localhost');
    const path = join(folder, normalize(decodeURIComponent(pathname === '/' ? '/index.html' : pathname)));
    return { path, bytes: await readFile(path) };
  } catch {
    return null;
  }
}
