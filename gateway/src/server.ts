import { readFile } from 'node:fs/promises';
import { createServer, type Server, type ServerOptions } from 'node:http';
import { type Socket, Server as TcpServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayConfig } from '@headgate/contracts/config/schema';
import { HEADER_KIB, IDLE_MS } from '@headgate/contracts/limits';
import { brokenBy } from './body/broken.ts';
import type { Linger } from './body/linger.ts';
import { readIncoming } from './body/read-incoming.ts';
import type { AppDeps } from './deps.ts';
import { type Fetch, handOver, type NodeEnv } from './hand-over.ts';
import { createJsonThread } from './json-thread/json-thread.ts';

export interface HttpServerOptions {
  /** The app: Web-standard request in, response out. */
  readonly fetch: Fetch;
  /** Lets an unread body pass by before the answer goes out; absent = answers overtake bodies. */
  readonly linger?: Linger;
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly node: ServerOptions;
}

export interface HttpServer {
  readonly port: number;
  /**
   * Stops listening, lets every request that was accepted finish, and closes its connection.
   *
   * @param timeoutMs requests still running after that are cut
   * @returns how many connections were cut
   */
  drain(timeoutMs: number): Promise<number>;
}

/** A port that another process holds. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

/**
 * Grace period for idle connections during drain, in ms: a client may just be sending the next request, which is
 * answered with `Connection: close`. Cutting idle connections at once would reset those requests.
 */
const IDLE_GRACE_MS = 500;
const POLL_MS = 10;

/**
 * Connections that may wait to be accepted; Linux allows no more than this by default. Envoy opens one for each request
 * that none is idle for: beyond Node's 511 a burst of one client would make the connections of others time out.
 */
const BACKLOG = 4096;

/** Options of Node's server: how long it keeps idle connections, and what it refuses before the app sees it. */
export function nodeOptions({ deadline }: GatewayConfig): ServerOptions {
  return {
    keepAliveTimeout: IDLE_MS.gatewayKeepAlive,
    headersTimeout: IDLE_MS.gatewayHeaders,
    // The app times uploads itself, and answers 408; this is the net below it.
    requestTimeout: IDLE_MS.gatewayHeaders + deadline.max_ms,
    maxHeaderSize: HEADER_KIB.gateway * 1024,
  };
}

/**
 * Serves an app with Node's HTTP/1.1 server.
 *
 * @throws PortTakenError
 */
export async function serveHttp(options: HttpServerOptions): Promise<HttpServer> {
  const { fetch, host, port, node } = options;
  const server = createServer({ ...node, requireHostHeader: false });
  // Node silently drops headers beyond its count limit; their bytes are limited.
  server.maxHeadersCount = 0;
  handOver(server, fetchOf(options), fetch);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await listen(server, host, port);
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    drain: (timeoutMs) => drain(server, sockets, timeoutMs),
  };
}

/** Beside the bundle; for sources where the build puts it. */
const DOCS_SCRIPT = new URL(
  import.meta.url.endsWith('.ts') ? '../dist/docs.js.gz' : './docs.js.gz',
  import.meta.url,
);

/** What this host does for the app. An answer has left when the kernel has taken its last byte. */
export const nodeHost = (): Pick<AppDeps, 'readBody' | 'onAnswered' | 'jsonWork' | 'docsScript'> => ({
  readBody: readIncoming,
  onAnswered(env, then) {
    const { outgoing } = env as NodeEnv;
    if (outgoing.closed) then();
    else outgoing.once('close', then);
  },
  jsonWork: createJsonThread(),
  docsScript: () => readFile(DOCS_SCRIPT),
});

function fetchOf({ fetch, linger }: HttpServerOptions): Fetch {
  if (!linger) return fetch;
  return async (request, env) => {
    const startedMs = performance.now();
    const response = await fetch(request, env);
    const { incoming } = env as NodeEnv;
    const isOwed = !incoming.complete && !incoming.destroyed && !brokenBy(incoming);
    if (isOwed) await linger(request, env, performance.now() - startedMs);
    return response;
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE' ? new PortTakenError(portTaken(host, port), { cause: error }) : error,
      ),
    );
    server.listen({ port, host, backlog: BACKLOG }, resolve);
  });
}

function portTaken(host: string, port: number): string {
  return `port ${port} of ${host} is taken: end the process that holds it, or choose another --port-base`;
}

async function drain(server: Server, sockets: ReadonlySet<Socket>, timeoutMs: number): Promise<number> {
  const startedMs = performance.now();
  const elapsedMs = () => performance.now() - startedMs;
  // The TCP server's own close: that of http would cut idle connections in the same moment.
  TcpServer.prototype.close.call(server);
  while (sockets.size > 0 && elapsedMs() < timeoutMs) {
    if (elapsedMs() >= IDLE_GRACE_MS) closeIdle(server, sockets);
    await sleep(POLL_MS);
  }
  const cut = sockets.size;
  server.closeAllConnections();
  return cut;
}

/** Connections between two requests, and those that were opened in advance: to Node the latter are not idle. */
function closeIdle(server: Server, sockets: ReadonlySet<Socket>): void {
  server.closeIdleConnections();
  for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
}
