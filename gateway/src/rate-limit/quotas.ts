import type { RateLimitConfig, Tier } from '@headgate/contracts/config/schema';
import type { RouteScope } from '@headgate/contracts/keys';
import type { Identity } from '../auth/identity.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { chargeRequest } from './charge.ts';
import type { Limiter, QuotaState } from './limiter.ts';
import { chargeOf, credentialRules, type RuleCharge, type RulesOf, tierRules } from './rules.ts';
import { judge, NO_LIMIT, type Verdict } from './verdict.ts';

/**
 * Which quotas a request is charged to, and when:
 *
 * - identified: its key and its address, each by `all` and by the scope of its route, with the limits of the key's
 *   tier. Tiers count apart, so a key's tier replaces the limits of the address as well. What these admit is charged
 *   to the global quotas too: refused requests use up none of those.
 * - not identified (no credential, a wrong one, a public route): its address, by `all` of the tier `default`, apart from
 *   identified requests of that tier: strangers behind the same address use up nothing of theirs.
 * - wrong credential: also its address, by each window of `credentials`. While one is used up, wrong credentials are
 *   429; a right one is never refused for the wrong ones of others (decision 0075).
 *
 * A request is charged to each of its quotas, also when another one refuses it. How many images and how much engine
 * time it takes is known later (charge.ts); where none of those are left, it is refused at once.
 */
export type Quotas = ReturnType<typeof createQuotas>;

export interface QuotaOptions {
  readonly limiter: Limiter;
  readonly telemetry: Telemetry;
  readonly limits: RateLimitConfig;
}

const DEFAULT_TIER = 'default';
/** Of the global quotas. */
const EVERYBODY = 'everybody';

/** The quotas of the configured tiers, counted by `limiter`. */
export function createQuotas({ limiter, telemetry, limits }: QuotaOptions) {
  const credentials = credentialRules(limits.failed_credentials);
  const tiers = new Map(
    Object.entries(limits.tiers).map(([name, tier]) => [name, tierRules(tier, ['key', 'ip'], `/${name}`)]),
  );
  const tierOf = (name: string) => (tiers.get(name) ?? tiers.get(DEFAULT_TIER)) as RulesOf;
  const globalOf = tierRules(limits.global, ['global'], '');
  const anonymous = tierRules(limits.tiers[DEFAULT_TIER] as Tier, ['ip'], '/anonymous')(undefined);

  const apply = async (charges: readonly RuleCharge[]): Promise<Verdict> => {
    if (charges.length === 0) return NO_LIMIT;
    const states = await limiter.consume(charges);
    const applied = charges.map(({ rule }, i) => ({ rule, state: states[i] as QuotaState }));
    return judge(applied, telemetry);
  };

  return {
    chargeAnonymous: (ip: string) => apply(anonymous.map((rule) => chargeOf(rule, ip, 1))),
    chargeFailedCredential: (ip: string) =>
      apply([...credentials, ...anonymous].map((rule) => chargeOf(rule, ip, 1))),
    /** @param scope of the route; undefined: no route of ours */
    chargeIdentified: ({ keyId, tier }: Identity, ip: string, scope: RouteScope | undefined) => {
      const subjects = { key: keyId, ip, credentials: ip, global: EVERYBODY };
      const own = tierOf(tier)(scope);
      return chargeRequest({ own, global: globalOf(scope), subjects, apply, debit: limiter.debit });
    },
  };
}
