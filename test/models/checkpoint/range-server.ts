/** Serves one file by ranges, on a thread of its own: who reads the file waits for it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** What goes wrong with one answer: only so many bytes come, or the connection then stays silent; a status; no range. */
export type Fault =
  | { readonly kind: 'cut' | 'stall'; readonly after: number }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'whole' | 'changed' };

interface Served {
  readonly bytes: Uint8Array;
  /** The first is the next; null is an answer without fault. */
  readonly faults: (Fault | null)[];
  /** The last fault stays. */
  readonly isLasting?: boolean;
  readonly etag?: string | null;
}

export interface RangeServer {
  readonly url: string;
  /** Bytes that were asked for so far, a number a request. */
  asked(): Promise<number[]>;
  stop(): Promise<number>;
}

export async function rangeServer(served: Served): Promise<RangeServer> {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: served });
  const [port] = await once(worker, 'message');
  return {
    url: `http://127.0.0.1:${port}/models/small.gguf`,
    async asked() {
      worker.postMessage('asked');
      return (await once(worker, 'message'))[0];
    },
    stop: () => worker.terminate(),
  };
}

if (!isMainThread && parentPort) {
  const { bytes, faults, isLasting = false, etag = '"v1"' } = workerData as Served;
  const asked: number[] = [];
  const server = createServer(({ headers }, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    const [start, end] = [Number(from), Math.min(Number(to) + 1, bytes.length)];
    asked.push(end - start);
    const fault = isLasting && faults.length === 1 ? faults[0] : (faults.shift() ?? null);
    if (fault?.kind === 'status') return response.writeHead(fault.status).end();
    if (fault?.kind === 'whole') return response.writeHead(200).end(bytes);
    const mark = fault?.kind === 'changed' ? '"v2"' : etag;
    response.writeHead(206, {
      ...{ 'content-range': `bytes ${start}-${end - 1}/${bytes.length}`, 'content-length': end - start },
      ...(mark === null ? {} : { etag: mark }),
    });
    if (fault?.kind !== 'cut' && fault?.kind !== 'stall') return response.end(bytes.subarray(start, end));
    return response.write(bytes.subarray(start, Math.min(end, start + fault.after)), () => {
      if (fault.kind === 'cut') setTimeout(() => response.destroy(), 5);
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port));
  parentPort.on('message', () => parentPort?.postMessage(asked));
}
