import { once } from 'node:events';
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request as plainRequest } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request as tlsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import type { TestEnvoy } from './envoy.ts';
import type { Echo } from './upstream.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Request {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Uint8Array | string;
  /** Never send the body that the headers announce. */
  readonly withholdBody?: boolean;
  /** HTTP/1.1: sends the body itself, bit by bit; answers how to stop. */
  readonly slowly?: (send: (bytes: Uint8Array) => void) => () => void;
}

/** One request over HTTPS and HTTP/1.1. */
export async function https(envoy: TestEnvoy, request: Request = {}): Promise<Answer> {
  const { method = 'GET', path = '/', headers = {}, body, withholdBody = false, slowly } = request;
  const port = envoy.httpsPort;
  const outgoing = tlsRequest({
    host: 'localhost',
    port,
    method,
    path,
    headers,
    agent: new Agent(),
    ca: envoy.ca,
  });
  outgoing.on('error', () => undefined);
  if (withholdBody || slowly) outgoing.flushHeaders();
  else outgoing.end(body);
  const stop = slowly?.((bytes) => outgoing.write(bytes));
  const [response] = await once(outgoing, 'response').finally(stop);
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

/** Sends lines as they are over TLS and reads one answer. */
export async function raw(envoy: TestEnvoy, ...lines: string[]): Promise<Answer> {
  const socket = connect({ host: 'localhost', port: envoy.httpsPort, ca: envoy.ca });
  socket.write(Buffer.from(lines.join('\r\n'), 'latin1'));
  let received = '';
  for await (const chunk of socket.setEncoding('latin1')) {
    received += chunk;
    const [head = '', body] = received.split('\r\n\r\n');
    const [statusLine = '', ...fields] = head.split('\r\n');
    const headers = Object.fromEntries(fields.map((field) => field.split(': ', 2) as [string, string]));
    if (body?.length === Number(headers['content-length'])) {
      return { status: Number(statusLine.split(' ')[1]), headers, body };
    }
  }
  throw new Error(`no whole answer: ${received}`);
}

/** One request over plain HTTP/1.1. */
export async function http(port: number, request: Request = {}): Promise<Answer> {
  const { method = 'GET', path = '/', headers = {}, body } = request;
  const outgoing = plainRequest({ host: 'localhost', port, method, path, headers });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

/** One request over HTTP/2. Rejects when the stream is reset before an answer. */
export async function http2(envoy: TestEnvoy, request: Request = {}): Promise<Answer> {
  const { method = 'GET', path = '/', headers = {}, body, withholdBody = false } = request;
  const session = connectHttp2(`https://localhost:${envoy.httpsPort}`, { ca: envoy.ca });
  session.on('error', () => undefined);
  try {
    const stream = session.request({ ':method': method, ':path': path, ...headers });
    if (!withholdBody) stream.end(body);
    const [answer] = await once(stream, 'response');
    return { status: Number(answer[':status']), headers: answer, body: await text(stream) };
  } finally {
    session.destroy();
  }
}

/** What the upstream saw, from an answer that it gave. */
export function echoOf(answer: Answer): Echo {
  return JSON.parse(answer.body) as Echo;
}
