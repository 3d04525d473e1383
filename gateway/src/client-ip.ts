import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { HEADER } from '@headgate/contracts/names';
import { ConfigError } from '@headgate/runtime/load-config';
import type { ClientIp } from './deps.ts';

/** Proxies in a row that are followed at most; a longer X-Forwarded-For is not worth reading. */
const MAX_HOPS = 16;

/** Addresses that are remembered as proxies of ours or not. */
const MAX_KNOWN = 1000;

/**
 * The address of the peer of the outermost proxy that we trust: X-Forwarded-For is read from the right,
 * where our own proxies write, up to the first address that is not one of theirs. What lies further left, the
 * client itself may have written.
 *
 * @param trustedProxies CIDR blocks, e.g. `10.0.0.0/8`
 * @throws ConfigError when one of them is no CIDR block
 */
export function clientIpOf(trustedProxies: readonly string[]): ClientIp {
  const trusted = blockList(trustedProxies);
  // The proxies are few, and asked about in each request.
  const known = new Map<string, boolean>();
  const isTrusted = (ip: string) => {
    const cached = known.get(ip);
    if (cached !== undefined) return cached;
    const found = trusted.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4');
    if (known.size < MAX_KNOWN) known.set(ip, found);
    return found;
  };
  return (_request, env) => {
    const { incoming } = env as { incoming: IncomingMessage };
    let client = plainAddress(incoming.socket.remoteAddress ?? '');
    // A second header of the same name is joined by Node, so this is always one text.
    const forwarded = incoming.headers[HEADER.forwardedFor];
    if (typeof forwarded !== 'string') return client;
    for (const hop of forwarded.split(',').slice(-MAX_HOPS).reverse()) {
      const address = plainAddress(hop.trim());
      if (isIP(client) === 0 || !isTrusted(client) || isIP(address) === 0) return client;
      client = address;
    }
    return client;
  };
}

/** IPv4 in IPv6 clothes (`::ffff:1.2.3.4`, from a dual-stack socket) as plain IPv4: one client, one quota. */
function plainAddress(ip: string): string {
  return ip.startsWith('::ffff:') && isIP(ip.slice(7)) === 4 ? ip.slice(7) : ip;
}

function blockList(blocks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const block of blocks) {
    const [ip = '', prefix] = block.split('/');
    const family = isIP(ip) === 6 ? 'ipv6' : 'ipv4';
    const bits = family === 'ipv6' ? 128 : 32;
    if (isIP(ip) === 0 || !/^\d{1,3}$/.test(prefix ?? '') || Number(prefix) > bits) {
      throw new ConfigError('gateway.trusted_proxies: expected CIDR blocks such as 10.0.0.0/8 or ::1/128');
    }
    list.addSubnet(ip, Number(prefix), family);
  }
  return list;
}
