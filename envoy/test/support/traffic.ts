import { once } from 'node:events';
import { Agent, type RequestOptions, request as tlsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import type { TestEnvoy } from './envoy.ts';

export interface Traffic {
  /** Requests answered with 200. */
  answered: number;
  /** What came instead, if anything did. */
  readonly failures: string[];
  /** Connections that were opened. */
  opened: number;
  stop(): Promise<void>;
}

export interface TrafficOptions {
  /** Callers at once, each with a connection. */
  readonly connections: number;
  /** false: a connection for every request. */
  readonly keepAlive?: boolean;
  /** On top of the address of Envoy and the authority that it began with. */
  readonly tls?: Pick<RequestOptions, 'ca' | 'headers' | 'servername' | 'checkServerIdentity'>;
}

/** One request after the other on each of a few connections, until told to stop. */
export function keepAsking(
  envoy: TestEnvoy,
  { connections, keepAlive = true, tls }: TrafficOptions,
): Traffic {
  const agent = new Agent({ keepAlive, maxSockets: connections });
  const options = { ca: envoy.ca, ...tls, host: 'localhost', port: envoy.httpsPort, agent };
  let stopped = false;
  const traffic = { answered: 0, failures: [] as string[], opened: 0 };
  const ask = async () => {
    const request = tlsRequest(options);
    request.once('socket', () => {
      if (!request.reusedSocket) traffic.opened += 1;
    });
    request.end();
    const [response] = await once(request, 'response');
    await text(response);
    if (response.statusCode === 200) traffic.answered += 1;
    else traffic.failures.push(String(response.statusCode));
  };
  const caller = async () => {
    while (!stopped) await ask().catch((error: Error) => traffic.failures.push(error.message));
  };
  const callers = Promise.all(Array.from({ length: connections }, caller));
  return Object.assign(traffic, {
    async stop() {
      stopped = true;
      await callers;
      agent.destroy();
    },
  });
}
