import { isIP } from 'node:net';
import { hostname } from 'node:os';

/** Names that public DNS never answers; a name without a dot is none of its either. */
const NOT_PUBLIC = /\.(svc|local|internal)$/;

export const HOST_EXPECTED =
  "Host: expected an IP address, this machine's name, a name without dots, or one that ends in .svc, .local or .internal\n";

/**
 * Whether the Host of a request cannot be a page's own name. A page can make its name point to our address (DNS
 * rebinding), and then read what an internal port answers. Programs may leave Host out; browsers never do.
 */
export function isOwnHost(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return (
    isIP(name) > 0 || /^[a-z0-9_-]+$/.test(name) || NOT_PUBLIC.test(name) || name === hostname().toLowerCase()
  );
}
