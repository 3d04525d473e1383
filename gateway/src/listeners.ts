import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '@headgate/contracts/config/schema';
import { portOf } from '@headgate/contracts/names';
import type { Logger } from '@headgate/runtime/logger';
import { createLinger, lingerBounds } from './body/linger.ts';
import type { ClientIp } from './deps.ts';
import { type HttpServerOptions, nodeOptions, serveHttp } from './server.ts';

export interface Apps {
  /** What the public reaches, through Envoy alone. */
  readonly app: Pick<HttpServerOptions, 'fetch'>;
  readonly clientIp: ClientIp;
  readonly internalApp: Pick<HttpServerOptions, 'fetch'>;
}

export interface Listeners {
  /** Waits until balancers have seen that this gateway is not ready, then ends the public listener in order. */
  drain(): Promise<void>;
}

/**
 * Opens the internal port first, so that readiness can be asked from the start, then the public one.
 *
 * @throws PortTakenError
 */
export async function listen(
  { gateway, listen }: Config,
  { app, internalApp, clientIp }: Apps,
  logger: Logger,
): Promise<Listeners> {
  const node = nodeOptions(gateway);
  const { port_base, internal_host: host } = listen;
  const internalPort = portOf(port_base, 'gatewayInternal');
  await serveHttp({ fetch: internalApp.fetch, host, port: internalPort, node });
  const port = portOf(port_base, 'gateway');
  const linger = createLinger(lingerBounds(gateway), clientIp);
  const server = await serveHttp({ fetch: app.fetch, linger, host, port, node });
  logger.info({ port: server.port, internal_port: internalPort }, 'gateway listens');
  return {
    async drain() {
      logger.info('draining');
      await sleep(gateway.drain.delay_ms);
      const cut = await server.drain(gateway.drain.timeout_ms);
      logger[cut === 0 ? 'info' : 'warn']({ connections_cut: cut }, 'drained');
    },
  };
}
