import type { Limit, QuotaConfig, QuotaUnit, RateLimitConfig, Tier } from '@headgate/contracts/config/schema';
import { ROUTE_SCOPES, type RouteScope } from '@headgate/contracts/keys';
import type { Charge, Quota } from './limiter.ts';

/** `all` counts every request; each of the others also counts the routes of its scope. */
export type RouteGroup = 'all' | RouteScope;
/** Who shares a count: a key, an address, an address that guesses, or everybody. */
export type QuotaScope = 'key' | 'ip' | 'credentials' | 'global';

/** A quota that requests can fall under. */
export interface Rule {
  readonly scope: QuotaScope;
  readonly group: RouteGroup;
  readonly unit: QuotaUnit;
  readonly quota: Quota;
}

/** A charge that remembers what it is for. */
export interface RuleCharge extends Charge {
  readonly rule: Rule;
}

export function chargeOf(rule: Rule, subject: string, cost: number): RuleCharge {
  return { rule, quota: rule.quota, subject, cost };
}

/** The rules that apply to a request, by the scope of its route; `undefined`: no route of ours. */
export type RulesOf = (routeScope: RouteScope | undefined) => readonly Rule[];

/** Rules of one tier, or of all callers together, for each of `scopes`. */
export function tierRules(tier: Tier, scopes: readonly QuotaScope[], suffix: string): RulesOf {
  const rulesOf = (group: RouteGroup): Rule[] =>
    scopes.flatMap((scope) =>
      quotasOf(tier[group]).map(({ points, window_s, unit = 'requests' }) => ({
        scope,
        group,
        unit,
        quota: { name: `${scope}/${group}${suffix}/${unit}/${window_s}`, points, windowMs: window_s * 1000 },
      })),
    );
  const all = rulesOf('all');
  // Only predictions use images and engines: a caller without any left may still ask what is served.
  const requests = all.filter(({ unit }) => unit === 'requests');
  const byScope = new Map(
    ROUTE_SCOPES.map((scope) => [scope, [...(scope === 'predict' ? all : requests), ...rulesOf(scope)]]),
  );
  return (scope) => (scope && byScope.get(scope)) ?? requests;
}

/** The windows of wrong credentials. */
export function credentialRules(windows: RateLimitConfig['failed_credentials']): readonly Rule[] {
  return windows.map(({ points, window_s }) => ({
    scope: 'credentials',
    group: 'all',
    unit: 'requests',
    quota: { name: `ip/credentials/${window_s}`, points, windowMs: window_s * 1000, isGuard: true },
  }));
}

function quotasOf(limit: Limit | undefined): readonly QuotaConfig[] {
  return limit ? [limit].flat() : [];
}
