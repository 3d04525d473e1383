import type { Config } from '@headgate/contracts/config/schema';
import { CORS } from '@headgate/contracts/cors';
import type { HeaderValueOption } from './gen/envoy/config/core/v3/base.ts';
import { header } from './local-replies.ts';

/**
 * What lets pages of the configured origins read Envoy's own answers, as the gateway's cross-origin layer does for its
 * answers: without it a browser reports them as network errors. Preflight requests are the gateway's.
 */
export function crossOriginHeaders({ gateway }: Config): HeaderValueOption[] {
  const { origins } = gateway.cors;
  if (origins.length === 0) return [];
  const exposed = header('access-control-expose-headers', CORS.exposeHeaders.join(','));
  if (origins.includes('*')) return [header('access-control-allow-origin', '*'), exposed];
  return [header('access-control-allow-origin', allowedOrigin(origins)), exposed, header('vary', 'Origin')];
}

/** The caller's origin as an expression of Envoy's formatter language, or nothing where it is not allowed. */
function allowedOrigin(origins: readonly string[]): string {
  const sent = "request.headers['origin']";
  return `%CEL(${sent} in ${JSON.stringify(origins)} ? ${sent} : '')%`;
}
