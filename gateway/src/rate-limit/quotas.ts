import type { GatewayConfig, Limit } from '@headgate/contracts/config';
import { HeadgateError } from '@headgate/contracts/errors';
import type { Identity } from '../auth/identity.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Limiter, Quota, QuotaState } from './limiter.ts';

/** `predict` requests are counted by their own quota besides the one for `all` requests. */
export type RouteGroup = 'all' | 'predict';

/**
 * Which quotas a request is charged to, and when:
 *
 * - identified: its key and its address, each by `all` and, on predict-like routes, by `predict`, with the limits
 *   of the key's tier. Tiers count apart, so a key's tier replaces the limits of the address as well.
 * - not identified (no credential, a wrong one, a public route): its address, by `all` of the tier `default`.
 * - wrong credential: besides, its address by each window of `credentials`. While one is used up, no
 *   credential is looked at.
 *
 * Each quota is charged once, also when another one refuses the request.
 */
export interface Quotas {
  /** Charges nothing; refuses while the address has used up its failed credentials. */
  admitAddress(ip: string): Promise<Verdict>;
  chargeAnonymous(ip: string): Promise<Verdict>;
  chargeFailedCredential(ip: string): Promise<Verdict>;
  chargeIdentified(identity: Identity, ip: string, group: RouteGroup): Promise<Verdict>;
}

export interface Verdict {
  /** The quota that is nearest to its end, or the one that refuses; undefined when nothing is limited. */
  readonly tightest: QuotaState | undefined;
  /** `rate_limited`, when a quota is used up. */
  readonly refusal: HeadgateError | undefined;
}

export interface QuotaOptions {
  readonly limiter: Limiter;
  readonly telemetry: Telemetry;
  readonly limits: GatewayConfig['rate_limit'];
}

type Scope = 'key' | 'ip' | 'credentials';

/** A quota that requests can fall under; counted per subject. */
interface Rule {
  readonly scope: Scope;
  readonly group: RouteGroup;
  readonly quota: Quota;
}

const DEFAULT_TIER = 'default';
const NO_LIMIT: Verdict = { tightest: undefined, refusal: undefined };

const SENTENCE: Record<Scope, string> = {
  key: 'The quota of this API key is used up.',
  ip: 'The quota of this address is used up.',
  credentials: 'Too many wrong credentials came from this address.',
};

/** The quotas of the configured tiers, counted by `limiter`. */
export function createQuotas({ limiter, telemetry, limits }: QuotaOptions): Quotas {
  const credentials = limits.failed_credentials.flatMap((limit) =>
    rulesOf('credentials', 'all', `ip/credentials/${limit.window_s}`, limit),
  );
  const tiers = new Map(Object.entries(limits.tiers).map(([name, tier]) => [name, tierRules(name, tier)]));
  const tierOf = (name: string) => (tiers.get(name) ?? tiers.get(DEFAULT_TIER)) as TierRules;
  const anonymous = tierOf(DEFAULT_TIER).all.filter(({ scope }) => scope === 'ip');

  const verdict = (rules: readonly Rule[], states: readonly QuotaState[]): Verdict => {
    const refusing = states.filter(({ allowed }) => !allowed);
    const tightest = (refusing.length > 0 ? refusing : states).reduce(tighter);
    if (tightest.allowed) return { tightest, refusal: undefined };
    rules.forEach(({ scope, group }, i) => {
      if (!states[i]?.allowed) telemetry.rateLimited(scope, group);
    });
    const { scope } = rules[states.indexOf(tightest)] as Rule;
    const refusal = new HeadgateError('rate_limited', SENTENCE[scope], { retryAfterMs: tightest.resetMs });
    return { tightest, refusal };
  };

  const charge = async (rules: readonly Rule[], ip: string, keyId = ''): Promise<Verdict> => {
    if (rules.length === 0) return NO_LIMIT;
    const subjectOf = (rule: Rule) => (rule.scope === 'key' ? keyId : ip);
    return verdict(
      rules,
      await Promise.all(rules.map((rule) => limiter.consume(rule.quota, subjectOf(rule), 1))),
    );
  };

  return {
    async admitAddress(ip) {
      const states = await Promise.all(credentials.map(({ quota }) => limiter.peek(quota, ip)));
      return states.every(({ allowed }) => allowed) ? NO_LIMIT : verdict(credentials, states);
    },
    chargeAnonymous: (ip) => charge(anonymous, ip),
    chargeFailedCredential: (ip) => charge([...credentials, ...anonymous], ip),
    chargeIdentified: ({ keyId, tier }, ip, group) => charge(tierOf(tier)[group], ip, keyId),
  };
}

/** The rules that apply to the requests of each group. */
type TierRules = Readonly<Record<RouteGroup, readonly Rule[]>>;

function tierRules(name: string, limits: Record<RouteGroup, Limit>): TierRules {
  const both = (group: RouteGroup) => [
    ...rulesOf('key', group, `key/${group}/${name}`, limits[group]),
    ...rulesOf('ip', group, `ip/${group}/${name}`, limits[group]),
  ];
  const all = both('all');
  return { all, predict: [...all, ...both('predict')] };
}

function rulesOf(scope: Scope, group: RouteGroup, name: string, limit: Limit): Rule[] {
  if (limit === null) return [];
  return [{ scope, group, quota: { name, points: limit.points, windowMs: limit.window_s * 1000 } }];
}

/** The state with fewer points left; of equals, the one that lasts longer. */
function tighter(a: QuotaState, b: QuotaState): QuotaState {
  if (a.remaining !== b.remaining) return a.remaining < b.remaining ? a : b;
  return a.resetMs >= b.resetMs ? a : b;
}
