import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer, type Server as TcpServer } from 'node:net';
import type { Config } from '@headgate/contracts/config/schema';
import { portOf } from '@headgate/contracts/names';

const LOOPBACK = '127.0.0.1';
const ON_LOOPBACK = /^(127\.|::1$)/;

/**
 * Listens on control's port at the internal address, and in a pod, whose address that is, on loopback as well:
 * `kubectl port-forward` ends there.
 */
export async function listen(
  server: Server,
  { internal_host, port_base }: Pick<Config['listen'], 'internal_host' | 'port_base'>,
): Promise<{ close(): void }> {
  const port = portOf(port_base, 'control');
  const listeners: TcpServer[] = [server.listen(port, internal_host)];
  if (!ON_LOOPBACK.test(internal_host)) {
    const forwards = createServer((socket) => server.emit('connection', socket));
    listeners.push(forwards.listen(port, LOOPBACK));
  }
  await Promise.all(listeners.map((listener) => once(listener, 'listening')));
  return {
    close() {
      server.closeAllConnections();
      for (const listener of listeners) listener.close();
    },
  };
}
