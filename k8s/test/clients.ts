import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { Agent, type AgentOptions, request } from 'node:https';
import { buffer } from 'node:stream/consumers';
import type { Edge } from './scenario.ts';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface Call {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Posts to Envoy as a client of one kind does. */
export interface Client {
  /** @throws Error without an HTTP answer, or at the signal */
  post(call: Call, signal: AbortSignal): Promise<Answer>;
  /** Requests that the server refused to process and that were sent again, as RFC 9113 8.7 asks of clients. */
  readonly resent: number;
  close(): void;
}

/** HTTP/1.1 over kept connections, or a new one for each request. */
export function http1Client(edge: Edge, keepAlive: boolean): Client {
  const { origin, host } = edge;
  const agent = http1Agent(edge, { keepAlive, maxSockets: 64 });
  return {
    resent: 0,
    post: async ({ path, headers, body }, signal) => {
      const options = { method: 'POST', agent, signal, headers: { ...headers, host } };
      const outgoing = request(`${origin}${path}`, { ...options, servername: host });
      // One piece with its length: the head and the body leave together.
      outgoing.setHeader('content-length', body.length);
      outgoing.end(body);
      const [incoming] = await once(outgoing, 'response');
      return { status: incoming.statusCode, text: (await buffer(incoming)).toString() };
    },
    close: () => agent.destroy(),
  };
}

/** Connections of HTTP/1.1 alone. */
export function http1Agent({ host, ca }: Edge, options: AgentOptions): Agent {
  return new Agent({ ca, servername: host, ALPNProtocols: ['http/1.1'], ...options });
}

/** HTTP/2 over a few connections in turn. A connection that the server retires is replaced by a new one. */
export function http2Client(edge: Edge, connections = 3): Client {
  const sessions: (ClientHttp2Session | undefined)[] = Array.from({ length: connections });
  let turn = 0;
  let resent = 0;
  const session = () => {
    turn = (turn + 1) % connections;
    const present = sessions[turn];
    if (present && !present.closed && !present.destroyed) return present;
    const fresh = http2Session(edge);
    sessions[turn] = fresh;
    return fresh;
  };
  return {
    get resent() {
      return resent;
    },
    post: async (call, signal) => {
      try {
        return await postOn(session(), edge, call, signal);
      } catch (error) {
        if (!isRefused(error)) throw error;
        resent += 1;
        return postOn(session(), edge, call, signal);
      }
    },
    close: () => {
      for (const one of sessions) one?.destroy();
    },
  };
}

export function http2Session({ origin, host, ca }: Edge): ClientHttp2Session {
  const session = connect(origin, { ca, servername: host });
  // Each request on it reports the failure.
  session.on('error', () => {});
  return session;
}

async function postOn(
  session: ClientHttp2Session,
  { host }: Edge,
  { path, headers, body }: Call,
  signal: AbortSignal,
): Promise<Answer> {
  const head = { ':method': 'POST', ':path': path, ':authority': host, 'content-length': body.length };
  const stream = session.request({ ...headers, ...head }, { signal });
  stream.end(body);
  const [incoming] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return { status: Number(incoming[':status']), text: (await buffer(stream)).toString() };
}

/** The server says that it has not looked at the request. */
function isRefused(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  const refused = constants.NGHTTP2_REFUSED_STREAM;
  return (
    code === 'ERR_HTTP2_GOAWAY_SESSION' ||
    (code === 'ERR_HTTP2_STREAM_ERROR' &&
      (message.includes('REFUSED_STREAM') || message.includes(`${refused}`)))
  );
}
