import type { Layer } from '../context.ts';
import type { ClientIp } from '../deps.ts';
import type { Quotas } from '../rate-limit/quotas.ts';
import { ipSubject } from '../rate-limit/subject.ts';
import { applyVerdict } from '../rate-limit/verdict.ts';

export interface IpLimitOptions {
  readonly quotas: Quotas;
  readonly clientIp: ClientIp;
  /** Paths that need no identity. */
  readonly publicPaths: ReadonlySet<string>;
}

/**
 * Finds the client's address, and charges public routes to it. Every other request is charged to its address when it is
 * known whether a key's tier replaces the limits: by authenticate when it refuses, by rateLimit when it does not (the
 * rules are in rate-limit/quotas.ts).
 */
export function ipLimit({ quotas, clientIp, publicPaths }: IpLimitOptions): Layer {
  return async function ipLimit(c, next) {
    const ip = ipSubject(clientIp(c.req.raw, c.env));
    c.set('ipSubject', ip);
    if (publicPaths.has(c.req.path)) applyVerdict(c, await quotas.chargeAnonymous(ip));
    await next();
  };
}
