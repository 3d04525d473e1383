import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { HEADER } from '@headgate/contracts/names';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import type { Logger } from '@headgate/runtime/logger';
import type { ClientIp } from './deps.ts';

interface ClientIpOptions {
  readonly secret?: InternalSecret | undefined;
  readonly logger: Pick<Logger, 'warn'>;
}

/** All clients behind such an Envoy would be one address, with one quota. */
const WRONG_SECRET =
  'a request shows another internal secret; if it is from Envoy, start Envoy with the first line of listen.internal_secret_file in ENVOY_INTERNAL_SECRET';

/**
 * The address that Envoy saw, which it writes into X-Forwarded-For in place of what the client sent. Only a request that
 * shows the internal secret came through Envoy. The address of any other request is that of its socket.
 *
 * Without a secret the port is on loopback, and everything there is believed.
 */
export function clientIpOf({ secret, logger }: ClientIpOptions): ClientIp {
  let isTold = false;
  const tellOnce = () => {
    if (!isTold) logger.warn(WRONG_SECRET);
    isTold = true;
  };
  return (_request, env) => {
    const { headers, socket } = (env as { incoming: IncomingMessage }).incoming;
    const peer = plainAddress(socket.remoteAddress ?? '');
    const shown = headers[HEADER.internalSecret];
    if (secret && !secret.accepts(shown)) {
      if (shown !== undefined) tellOnce();
      return peer;
    }
    // Node joins headers of the same name; Envoy, the nearest proxy, wrote the last entry.
    const forwarded = String(headers[HEADER.forwardedFor] ?? '');
    const address = plainAddress(forwarded.slice(forwarded.lastIndexOf(',') + 1).trim());
    return isIP(address) === 0 ? peer : address;
  };
}

/** An IPv4-mapped IPv6 address (`::ffff:1.2.3.4`, from a dual-stack socket) as plain IPv4: one client, one quota. */
function plainAddress(ip: string): string {
  return ip.startsWith('::ffff:') && isIP(ip.slice(7)) === 4 ? ip.slice(7) : ip;
}
