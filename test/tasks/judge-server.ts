import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface JudgeRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly model: string;
  readonly temperature: number;
  /** The question as it was put. */
  readonly question: string;
}

export interface JudgeServer {
  /** Specification of the judge: `openai+http://…`. */
  readonly spec: string;
  readonly requests: JudgeRequest[];
  close(): Promise<void>;
}

/** An OpenAI-compatible endpoint on this machine that says what it is told to; a number is a failing status. */
export async function judgeServer(reply: (question: string, count: number) => string | number): Promise<JudgeServer> {
  const requests: JudgeRequest[] = [];
  const server: Server = createServer(async (request, response) => {
    let body = '';
    for await (const data of request) body += data;
    const { model, temperature, messages } = JSON.parse(body) as {
      model: string;
      temperature: number;
      messages: { role: string; content: string }[];
    };
    const question = messages[messages.length - 1].content;
    const { authorization } = request.headers;
    requests.push({ path: request.url ?? '', authorization, model, temperature, question });
    const said = reply(question, requests.length);
    response.statusCode = typeof said === 'number' ? said : 200;
    response.end(JSON.stringify({ choices: [{ message: { role: 'assistant', content: said } }] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    spec: `openai+http://127.0.0.1:${port}/v1#some/model`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
