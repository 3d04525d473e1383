import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { ConfigError } from '@headgate/contracts/config/load';
import { portOf } from '@headgate/contracts/names';

/** Where the inference processes listen: one address, or a DNS name behind which stand many. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`, `[v6]:port` or `dns:///name:port`; empty means the inference process of this machine.
 *
 * @throws ConfigError when the text is none of these
 */
export function parseTarget(text: string, portBase: number): Target {
  if (text === '') return { host: '127.0.0.1', port: portOf(portBase, 'inferenceGrpc') };
  const match = /^(?:dns:\/\/\/)?(?:\[([^\]]+)\]|([^:/[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new ConfigError('gateway.upstream.target: expected host:port or dns:///name:port');
  }
  return { host, port };
}

/** The target as grpc-js wants it. */
export function grpcTarget({ host, port }: Target): string {
  return isIP(host) ? formatAddress(host, port) : `dns:///${host}:${port}`;
}

/** Every address behind the target as `ip:port`, sorted. @throws Error of node:dns when the name has none */
export async function resolveTarget({ host, port }: Target): Promise<string[]> {
  if (isIP(host)) return [formatAddress(host, port)];
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => formatAddress(address, port)))].sort();
}

function formatAddress(ip: string, port: number): string {
  return isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`;
}
