import type { Layer } from '../context.ts';
import type { ClientIp } from '../deps.ts';
import type { Quotas } from '../rate-limit/quotas.ts';
import { ipSubject } from '../rate-limit/subject.ts';
import { applyVerdict } from '../rate-limit/verdict.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

export interface IpLimitOptions {
  readonly quotas: Quotas;
  readonly clientIp: ClientIp;
  readonly telemetry: Pick<Telemetry, 'addressLockedOut'>;
  /** Paths that need no identity. */
  readonly publicPaths: ReadonlySet<string>;
}

/**
 * Refuses addresses that guess credentials, before any credential is looked at, and charges public routes at once.
 * Every other request is charged to its address when it is known whether a key's tier replaces the limits:
 * by authenticate when it refuses, by rateLimit when it does not (the rules are in rate-limit/quotas.ts).
 */
export function ipLimit({ quotas, clientIp, telemetry, publicPaths }: IpLimitOptions): Layer {
  const admit = async (ip: string) => {
    const verdict = await quotas.admitAddress(ip);
    if (verdict.refusal) telemetry.addressLockedOut(ip, verdict.refusal.retryAfterMs ?? 0);
    return verdict;
  };

  return async function ipLimit(c, next) {
    const ip = ipSubject(clientIp(c.req.raw, c.env));
    c.set('ipSubject', ip);
    const isPublic = publicPaths.has(c.req.path);
    applyVerdict(c, await (isPublic ? quotas.chargeAnonymous(ip) : admit(ip)));
    await next();
  };
}
