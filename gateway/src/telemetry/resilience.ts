import type { Config } from '@headgate/contracts/config/schema';
import type { Dependency } from '@headgate/runtime/resilience/policies';

/** Dependencies that this configuration makes the gateway call through a policy. */
export function breakersOf({ gateway, records }: Config): Dependency[] {
  return [
    ...(gateway.oidc.issuers.length > 0 ? (['jwks'] as const) : []),
    ...(gateway.rate_limit.store === 'redis' ? (['redis'] as const) : []),
    ...(records.sink === 'none' ? [] : (['database'] as const)),
  ];
}
