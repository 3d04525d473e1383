import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Config } from '@headgate/contracts/config/schema';
import { hostPort, type Listener, portOf } from '@headgate/contracts/names';
import type { Mode } from '../setup/mode.ts';

export interface Address {
  readonly listener: Listener;
  readonly host: string;
  readonly port: number;
}

const PUBLIC: readonly Listener[] = ['httpRedirect', 'https'];
const ENVOY: readonly Listener[] = [...PUBLIC, 'internalGrpcMtls', 'envoyInternal'];
const ALWAYS: readonly Listener[] = [
  'gateway',
  'gatewayInternal',
  'inferenceGrpc',
  'inferenceInternal',
  'control',
];

/** All listeners of this mode. */
export function addressesOf(config: Config, mode: Mode): Address[] {
  const listeners = mode === 'full' ? [...ENVOY, ...ALWAYS] : ALWAYS;
  return listeners.map((listener) => addressOf(config, listener));
}

export function addressOf(config: Config, listener: Listener): Address {
  const { host, internal_host, port_base } = config.listen;
  return {
    listener,
    host: PUBLIC.includes(listener) ? host : internal_host,
    port: portOf(port_base, listener),
  };
}

/** host:port under which a program on this machine reaches the listener. */
export function reachable({ host, port }: Omit<Address, 'listener'>): string {
  const wildcard = host === '0.0.0.0' || host === '::';
  return hostPort(wildcard ? '127.0.0.1' : host, port);
}

/** The first address that another program holds, or undefined. Tries them by listening for a moment. */
export async function findTaken(addresses: readonly Address[]): Promise<Address | undefined> {
  const free = await Promise.all(addresses.map(isFree));
  return addresses.find((_, index) => free[index] === false);
}

/** Whether nobody listens there: listens for a moment. */
export async function isFree({ host, port }: Pick<Address, 'host' | 'port'>): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
