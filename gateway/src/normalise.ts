import type { IncomingMessage } from 'node:http';
import { HeadgateError } from '@headgate/contracts/errors';
import { OTHER } from '@headgate/contracts/names';

/** A name or IPv4 address, or an IPv6 address, and maybe a port. */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;
/** Paths that every URL parser takes as they are. */
const PLAIN_PATH = /^\/[!#$&-;=?-[\]_a-z~]*$/;
const ABSOLUTE = /^https?:\/\//i;

/**
 * Makes a request that Node has parsed one that the adapter takes, so that the app answers it, and says why it is no
 * valid one. The app does not look at the host: routes and limits do not depend on what a client claims to ask.
 */
export function normalise(incoming: IncomingMessage): HeadgateError | undefined {
  const isHostValid = hasValidHost(incoming);
  const target = incoming.method === 'CONNECT' ? undefined : targetOf(incoming);
  incoming.headers.host = 'gateway';
  incoming.url = target ?? '/';
  // Web-standard requests cannot have this method.
  if (incoming.method === 'CONNECT') incoming.method = OTHER;
  if (!isHostValid) return malformed('The header Host must be there once and name a host.');
  return target === undefined ? malformed('The request target must be the path of a resource.') : undefined;
}

function malformed(detail: string): HeadgateError {
  return new HeadgateError('invalid_request', detail);
}

/** RFC 9112, 3.2. Node keeps the first of several; HTTP/1.0 need not have one. */
function hasValidHost({ rawHeaders, headers: { host }, httpVersion }: IncomingMessage): boolean {
  if (host === undefined) return httpVersion === '1.0';
  const count = rawHeaders.filter(
    (text, i) => i % 2 === 0 && text.length === 4 && /^host$/i.test(text),
  ).length;
  return count === 1 && HOST.test(host);
}

/** The path that is asked for, with its query. */
function targetOf({ method, url = '' }: IncomingMessage): string | undefined {
  if (PLAIN_PATH.test(url)) return url;
  if (url === '*' && method === 'OPTIONS') return '/';
  // A URL parser would take a backslash for a slash: then this is another path to us than to a proxy before us.
  if (url.split('?', 1)[0]?.includes('\\')) return undefined;
  const parsed = URL.parse(url.startsWith('/') ? `http://gateway${url}` : ABSOLUTE.test(url) ? url : '');
  return parsed ? parsed.pathname + parsed.search : undefined;
}
