import { once } from 'node:events';
import { createServer, type Server as HttpServer, type ServerResponse } from 'node:http';
import { type Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { hostPort, PROTECTIVE_HEADERS } from '@headgate/contracts/names';
import { HOST_EXPECTED, isOwnHost } from '@headgate/runtime/internal-http';
import type { ModelControl } from './models/control.ts';
import type { ModelRepository } from './models/repository.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** A listener's port is in use; the message names it and the remedy. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';

  constructor(host: string, port: number) {
    super(
      `port ${port} on ${host} is taken; end the process that holds it, or set HEADGATE_LISTEN__PORT_BASE`,
    );
  }
}

/** Binds a gRPC server, without TLS. @throws PortTakenError */
export async function listenGrpc(server: GrpcServer, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.bindAsync(hostPort(host, port), ServerCredentials.createInsecure(), (error) =>
    error ? reject(error) : resolve(),
  );
  await promise.catch((error: Error) => {
    throw error.message.includes('EADDRINUSE') ? new PortTakenError(host, port) : error;
  });
}

/** Binds an HTTP server. @throws PortTakenError */
export async function listenHttp(server: HttpServer, host: string, port: number): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EADDRINUSE' ? new PortTakenError(host, port) : error;
  });
}

export interface InternalHttpOptions {
  readonly isReady: () => boolean;
  readonly metrics: Pick<Metrics, 'page' | 'registry'>;
  readonly repository: Pick<ModelRepository, 'list'>;
  readonly control: Pick<ModelControl, 'problems'>;
}

const JSON_TYPE = 'application/json';

/** /livez, /readyz and /metrics for probes and Prometheus, /repository and /problems for control. Listens nowhere yet. */
export function createInternalHttp(options: InternalHttpOptions): HttpServer {
  const { isReady, metrics, repository, control } = options;
  return createServer(async (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(response, 405, 'GET only\n');
    if (!isOwnHost(request.headers.host)) return text(response, 421, HOST_EXPECTED);
    switch (request.url?.split('?', 1)[0]) {
      case '/livez':
        return text(response, 200, 'live\n');
      case '/readyz':
        return isReady() ? text(response, 200, 'ready\n') : text(response, 503, 'not ready\n');
      case '/metrics':
        return text(response, 200, await metrics.page(), metrics.registry.contentType);
      case '/repository':
        return text(response, 200, JSON.stringify(await repository.list()), JSON_TYPE);
      case '/problems':
        return text(response, 200, JSON.stringify(control.problems()), JSON_TYPE);
      default:
        return text(response, 404, 'not found\n');
    }
  });
}

function text(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { ...PROTECTIVE_HEADERS, 'content-type': type }).end(body);
}
