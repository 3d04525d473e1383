import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Metrics } from './telemetry/metrics.ts';

export interface InternalHttpOptions {
  readonly isReady: () => boolean;
  readonly metrics: Pick<Metrics, 'page' | 'registry'>;
}

/** /livez, /readyz and /metrics for probes and Prometheus. Listens nowhere yet. */
export function createInternalHttp({ isReady, metrics }: InternalHttpOptions): Server {
  return createServer(async (request, response) => {
    switch (request.url?.split('?', 1)[0]) {
      case '/livez':
        return text(response, 200, 'live\n');
      case '/readyz':
        return isReady() ? text(response, 200, 'ready\n') : text(response, 503, 'not ready\n');
      case '/metrics':
        return text(response, 200, await metrics.page(), metrics.registry.contentType);
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
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}
