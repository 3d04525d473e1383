import type { z } from 'zod';
import { isSecureUrl } from '../secure-url.ts';
import { isInternalUrl, isLoopback, problemOfInternalHost } from './networks.ts';
import type { Limit, QuotaConfig } from './rate-limit.ts';
import type { Unchecked } from './schema.ts';

/** What must hold between keys of different sections. */
export function checkRules(config: Unchecked, ctx: z.RefinementCtx): void {
  const rule: Rule = (ok, path, message) => {
    if (!ok) ctx.addIssue({ code: 'custom', path, message });
  };
  const { internal_host, internal_networks, internal_secret_file } = config.listen;
  const reach = problemOfInternalHost(internal_host, internal_networks);
  rule(reach === undefined, ['listen', 'internal_host'], reach ?? '');
  rule(
    internal_secret_file !== '' || isLoopback(internal_host),
    ['listen', 'internal_secret_file'],
    'expected a file while listen.internal_host is not loopback: a process that reaches the internal ports could pass for Envoy',
  );
  checkGateway(config, rule);
  rule(
    !config.inference.models_trust.require_signature ||
      config.inference.models_trust.public_key_files.length > 0,
    ['inference', 'models_trust', 'public_key_files'],
    'expected at least one key while inference.models_trust.require_signature is true',
  );
  rule(
    config.records.sink !== 'postgres' || config.records.postgres_url !== '',
    ['records', 'postgres_url'],
    'expected the address of PostgreSQL while records.sink is postgres',
  );
  rule(
    config.audit.store !== 'postgres' || config.audit.postgres_url !== '',
    ['audit', 'postgres_url'],
    'expected the address of PostgreSQL while audit.store is postgres',
  );
  const { xff_num_trusted_hops, proxy_protocol, balancers } = config.envoy;
  rule(
    balancers.length > 0 || (xff_num_trusted_hops === 0 && proxy_protocol === 'off'),
    ['envoy', 'balancers'],
    'expected the networks of the load balancers while envoy.xff_num_trusted_hops or envoy.proxy_protocol is set: anybody else could choose an address; 0.0.0.0/0 where a firewall keeps others away',
  );
  checkCapture(config, rule);
  const { url } = config.registry;
  rule(
    url === '' || isSecureUrl(url) || isInternalUrl(url, internal_networks),
    ['registry', 'url'],
    'expected https, or http on this machine, at an address inside listen.internal_networks or at a Service of the cluster; without user and password, which belong in registry.token_file',
  );
}

type Rule = (ok: boolean, path: string[], message: string) => void;

function checkGateway(config: Unchecked, rule: Rule): void {
  const { cors, deadline, limits, oidc, rate_limit } = config.gateway;
  rule(
    cors.origins.length <= 1 || !cors.origins.includes('*'),
    ['gateway', 'cors', 'origins'],
    'expected * alone, or origins without it',
  );
  rule(
    deadline.default_ms <= deadline.max_ms,
    ['gateway', 'deadline', 'default_ms'],
    'expected at most gateway.deadline.max_ms',
  );
  rule(
    // A body without a length gets at most half; an inflated one is held beside the compressed one.
    limits.held_bytes >= 4 * limits.body_bytes,
    ['gateway', 'limits', 'held_bytes'],
    'expected at least four times gateway.limits.body_bytes',
  );
  for (const [index, { tier }] of oidc.issuers.entries()) {
    rule(
      Object.hasOwn(rate_limit.tiers, tier),
      ['gateway', 'oidc', 'issuers', String(index), 'tier'],
      'expected a tier under gateway.rate_limit.tiers',
    );
  }
  for (const path of tooSmallShares(config)) {
    rule(
      false,
      path,
      'expected points for gateway.limits.images_per_request images in each share of on_failure.replicas: larger requests were refused while the store is down',
    );
  }
}

function checkCapture({ capture, records }: Unchecked, rule: Rule): void {
  rule(
    capture.store !== 'none' || Object.keys(capture.models).length === 0,
    ['capture', 'store'],
    'expected folder or s3 while capture.models names a model',
  );
  rule(
    capture.store !== 's3' || (capture.s3.endpoint !== '' && capture.s3.bucket !== ''),
    ['capture', 's3'],
    'expected an endpoint and a bucket while capture.store is s3',
  );
  rule(
    capture.store === 'none' || records.sink !== 'none',
    ['records', 'sink'],
    'expected control or postgres while images are captured: without records nobody could judge them',
  );
}

/** Quotas of images that have room for the largest request as a whole, but not in one gateway's share of them. */
function tooSmallShares({ gateway }: Unchecked): string[][] {
  const { rate_limit, limits } = gateway;
  const { store, on_failure, global, tiers } = rate_limit;
  if (store !== 'redis' || on_failure.mode !== 'local_share') return [];
  const isTooSmall = ({ unit, points }: QuotaConfig) =>
    unit === 'images' &&
    points >= limits.images_per_request &&
    Math.floor(points / on_failure.replicas) < limits.images_per_request;
  const places = [
    { at: ['global'], tier: global },
    ...Object.entries(tiers).map(([name, tier]) => ({ at: ['tiers', name], tier })),
  ];
  return places.flatMap(({ at, tier }) =>
    (['all', 'predict'] as const)
      .filter((scope) => quotasOf(tier[scope]).some(isTooSmall))
      .map((scope) => ['gateway', 'rate_limit', ...at, scope]),
  );
}

function quotasOf(limit: Limit): readonly QuotaConfig[] {
  if (limit === null) return [];
  return Array.isArray(limit) ? limit : [limit];
}
