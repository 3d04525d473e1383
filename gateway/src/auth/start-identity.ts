import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import type { Audit } from '@headgate/journal/audit/start-audit';
import { systemClock } from '@headgate/runtime/clock';
import { fileKeyStore } from '@headgate/runtime/keys/file-keys';
import { POLICIES } from '@headgate/runtime/resilience/policies';
import type { Surroundings } from '../surroundings.ts';
import { exposeIdentity, exposeLockouts } from '../telemetry/identity-metrics.ts';
import { reportKeys, reportTokens } from '../telemetry/reports.ts';
import { createKeyUses } from './key-use.ts';
import { createLockouts } from './lockouts.ts';
import { oidcVerifier } from './oidc/verifier.ts';

/**
 * API keys and bearer tokens as the configuration says, with their metrics; both are reloaded live.
 *
 * @throws FileError when the keys file cannot be used
 */
export function startIdentity(
  { gateway, dependencies }: Config,
  { root, logger, metrics, resilience }: Surroundings,
  audit: Pick<Audit, 'found'>,
) {
  const { keys_file, oidc } = gateway;
  const keys = fileKeyStore(resolve(root, keys_file), reportKeys(logger, audit, gateway.rate_limit.tiers));
  const tokens = oidcVerifier({
    config: oidc,
    dependency: { ...POLICIES.jwks, ...dependencies.jwks },
    fetch,
    clock: systemClock,
    report: reportTokens(logger, metrics),
    resilience,
  });
  const keyUses = createKeyUses(keys, systemClock);
  exposeIdentity(metrics.registry, keyUses, tokens.keySets);
  const lockouts = createLockouts(systemClock);
  exposeLockouts(metrics.registry, lockouts);
  // Without an issuer no token can be right, and callers are not told of tokens.
  return { keys, ...(oidc.issuers.length > 0 && { tokens }), keyUses, lockouts };
}
