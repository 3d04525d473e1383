import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import type { Audit } from '@headgate/journal/audit/start-audit';
import { systemClock } from '@headgate/runtime/clock';
import { POLICIES } from '@headgate/runtime/resilience/policies';
import type { Surroundings } from '../surroundings.ts';
import { exposeIdentity, exposeLockouts } from '../telemetry/identity-metrics.ts';
import { reportKeys, reportTokens } from '../telemetry/reports.ts';
import { fileKeyStore } from './file-keys.ts';
import type { KeyStore } from './key-store.ts';
import { createKeyUses, type KeyUses } from './key-use.ts';
import { createLockouts, type Lockouts } from './lockouts.ts';
import { oidcVerifier } from './oidc/verifier.ts';
import type { TokenVerifier } from './tokens.ts';

export interface IdentityParts {
  readonly keys: KeyStore;
  readonly tokens: TokenVerifier;
  readonly keyUses: KeyUses;
  readonly lockouts: Lockouts;
}

/**
 * API keys and bearer tokens as the configuration says, with their metrics; both are reloaded live.
 *
 * @throws FileError when the keys file cannot be used
 */
export function startIdentity(
  { gateway, dependencies }: Config,
  { root, logger, metrics, resilience }: Surroundings,
  audit: Pick<Audit, 'found'>,
): IdentityParts {
  const { keys_file, oidc } = gateway;
  const keys = fileKeyStore(resolve(root, keys_file), reportKeys(logger, audit));
  const report = reportTokens(logger, metrics);
  const tokens = oidcVerifier({
    config: oidc,
    dependency: { ...POLICIES.jwks, ...dependencies.jwks },
    fetch,
    clock: systemClock,
    report,
    resilience,
  });
  const keyUses = createKeyUses(keys, systemClock);
  exposeIdentity(metrics.registry, keyUses, tokens.keySets);
  const lockouts = createLockouts(systemClock);
  exposeLockouts(metrics.registry, lockouts);
  return { keys, tokens, keyUses, lockouts };
}
