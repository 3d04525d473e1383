import type { GatewayConfig } from '@headgate/contracts/config/schema';
import { CORS } from '@headgate/contracts/cors';
import { HeadgateError } from '@headgate/contracts/errors';
import { cors } from 'hono/cors';
import type { AppContext, Layer } from '../context.ts';
import type { Quotas } from '../rate-limit/quotas.ts';
import { applyVerdict } from '../rate-limit/verdict.ts';

/**
 * Lets pages of the configured origins read answers, refusals too, and answers their preflight requests, which carry no
 * credential and cost no quota. Credentials of browsers are not allowed: keys and tokens travel in headers.
 */
export function crossOrigin({ origins, max_age_s }: GatewayConfig['cors']): Layer {
  const isOpen = origins.includes('*');
  const allow = cors({ ...CORS, origin: isOpen ? '*' : origins, maxAge: max_age_s });
  return async function crossOrigin(c, next) {
    if (origins.length === 0) return next();
    const isAllowed = isOpen || origins.includes(c.req.header('origin') ?? '');
    if (c.req.method !== 'OPTIONS' || (isPreflight(c) && isAllowed)) return allow(c, next);
    c.header('vary', 'Origin');
    await next();
  };
}

/** Refuses the preflight requests that are left, charged to their address like any request without an identity. */
export function refusePreflight({ quotas }: { readonly quotas: Pick<Quotas, 'chargeAnonymous'> }): Layer {
  return async function refusePreflight(c, next) {
    if (!isPreflight(c)) return next();
    applyVerdict(c, await quotas.chargeAnonymous(c.get('ipSubject')));
    throw new HeadgateError(
      'origin_not_allowed',
      'Pages of this origin may not call the service; its operator allows origins in the setting gateway.cors.origins.',
    );
  };
}

/** What a browser asks before a request that a page of another origin makes (Fetch standard, 4.8). */
function isPreflight(c: AppContext): boolean {
  const { req } = c;
  return (
    req.method === 'OPTIONS' &&
    req.header('origin') !== undefined &&
    req.header('access-control-request-method') !== undefined
  );
}
