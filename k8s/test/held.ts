import { once } from 'node:events';
import { request } from 'node:https';
import { http1Agent, http2Session } from './clients.ts';
import type { Edge } from './scenario.ts';

/** One connection that a client keeps open and uses from time to time. */
export interface HeldConnection {
  /** Sends a request on it. @throws Error when the connection is gone, or another one was needed */
  use(): Promise<void>;
  close(): void;
}

/** Any path of the API: an answer of any status shows that the connection works. */
const PATH = '/v2/health/live';

export function holdHttp1(edge: Edge): HeldConnection {
  const { origin, host } = edge;
  const agent = http1Agent(edge, { keepAlive: true, maxSockets: 1 });
  let opened = 0;
  return {
    async use() {
      const outgoing = request(`${origin}${PATH}`, { agent, servername: host, headers: { host } });
      outgoing.end();
      const [incoming] = await once(outgoing, 'response');
      incoming.resume();
      await once(incoming, 'end');
      if (!outgoing.reusedSocket) opened += 1;
      if (opened > 1) throw new Error('an open HTTP/1.1 connection was dropped');
    },
    close: () => agent.destroy(),
  };
}

export function holdHttp2(edge: Edge): HeldConnection {
  const session = http2Session(edge);
  return {
    async use() {
      if (session.closed || session.destroyed) throw new Error('an open HTTP/2 connection was dropped');
      const stream = session.request({ ':path': PATH, ':authority': edge.host });
      await once(stream, 'response');
      stream.resume();
      await once(stream, 'end');
    },
    close: () => session.destroy(),
  };
}

/** Sends a request on each. @throws Error when one is gone */
export async function useAll(held: readonly HeldConnection[]): Promise<void> {
  await Promise.all(held.map((one) => one.use()));
}
