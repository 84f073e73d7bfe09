import { PassThrough } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { asHttpError, errorBody, logFailure } from './errors.js';

/** Bytes that wait for a client at each end of the stream; releases of Node differ in what they take by themselves. */
const highWaterMark = 2 ** 14;

/** Sends server-sent events, as OpenAI streams them: JSON documents, at last `[DONE]`. */
export class EventStream {
  private readonly out = new PassThrough({ highWaterMark });
  private readonly reply: FastifyReply;
  private hasBegun = false;

  constructor(reply: FastifyReply) {
    this.reply = reply;
  }

  send(data: object): void {
    this.begin();
    this.out.write(`data: ${JSON.stringify(data)}\n\n`);
  }

  /** Whether the client has yet to read what was sent. */
  get isBehind(): boolean {
    return this.out.writableNeedDrain;
  }

  /**
   * Lets the body send events, to its end.
   * @throws what the body does before its first event; later the status is gone, and an error is sent as an event
   */
  async answer(body: () => Promise<void>): Promise<FastifyReply> {
    try {
      await body();
    } catch (error) {
      if (!this.hasBegun) throw error;
      logFailure(this.reply.request, error);
      this.send(errorBody(asHttpError(error)));
    }
    this.begin();
    this.out.end('data: [DONE]\n\n');
    return this.reply;
  }

  private begin(): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' };
    this.reply.headers(headers).send(this.out);
  }
}
