import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { hostPort } from '@headgate/contracts/names';
import { ConfigError } from './load-config.ts';

/** Where processes of one kind listen: several addresses, or a name behind which stand many. */
export type Target = readonly Place[];

interface Place {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`, `[v6]:port`, `dns:///name:port`, or several addresses of one family with commas between them.
 *
 * @throws ConfigError when the text is none of these
 */
export function parseTarget(text: string, setting = 'gateway.upstream.target'): Target {
  const refused = () =>
    new ConfigError(
      `${setting}: expected host:port, dns:///name:port, or addresses of one family with commas between`,
    );
  const places = text.split(',').map((place) => {
    const parsed = parsePlace(place);
    if (!parsed) throw refused();
    return parsed;
  });
  const families = new Set(places.map(({ host }) => isIP(host)));
  if (places.length > 1 && (families.size > 1 || families.has(0))) throw refused();
  return places;
}

function parsePlace(text: string): Place | undefined {
  const match = /^(?:dns:\/\/\/)?(?:\[([^\]]+)\]|([^:/[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** Every address behind the target as `ip:port`, sorted. @throws Error of node:dns when the name has none */
export async function resolveTarget(target: Target): Promise<string[]> {
  const found = await Promise.all(target.map(addressesOf));
  return [...new Set(found.flat())].sort();
}

async function addressesOf({ host, port }: Place): Promise<string[]> {
  if (isIP(host)) return [hostPort(host, port)];
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => hostPort(address, port));
}
