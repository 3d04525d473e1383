import { AdminError, type ApiLayer } from '../api-env.ts';

/** Of the browser itself: typed into its address bar, or asked by our own page. */
const OURS = new Set(['same-origin', 'none']);

/**
 * Refuses what a page of another origin asks for. SameSite does not: every port of a host is one site. Programs send
 * neither header.
 */
export function sameOrigin(): ApiLayer {
  return async function sameOrigin(c, next) {
    const site = c.req.header('sec-fetch-site');
    const origin = c.req.header('origin');
    const isOther = origin !== undefined && hostOf(origin) !== c.req.header('host')?.toLowerCase();
    if (isOther || (site !== undefined && !OURS.has(site))) {
      throw new AdminError('forbidden', 'Requests from pages of another origin are refused.');
    }
    await next();
  };
}

/** Without the scheme, which a proxy may have changed; undefined for `null`. */
const hostOf = (origin: string): string | undefined => URL.parse(origin)?.host;
