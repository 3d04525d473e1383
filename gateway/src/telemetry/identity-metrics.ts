import { METRIC } from '@headgate/contracts/names';
import { Gauge, type Registry } from 'prom-client';
import type { KeyUses } from '../auth/key-use.ts';
import type { Lockouts } from '../auth/lockouts.ts';
import type { KeySet } from '../auth/oidc/key-set.ts';

/** Gauges of keys and issuers, read from live state when Prometheus asks. */
export function exposeIdentity(
  registry: Registry,
  keyUses: Pick<KeyUses, 'all'>,
  keySets: ReadonlyMap<string, KeySet>,
): void {
  const registers = [registry];
  new Gauge({
    name: METRIC.keyLastUsed,
    help: 'When a configured API key was last accepted, by its present secret or the one before.',
    labelNames: ['key_id', 'secret'] as const,
    registers,
    collect() {
      this.reset();
      for (const { keyId, secret, lastUsedMs } of keyUses.all()) {
        this.set({ key_id: keyId, secret }, lastUsedMs / 1000);
      }
    },
  });
  new Gauge({
    name: METRIC.oidcKeys,
    help: 'Public keys of an issuer of bearer tokens that may be used now.',
    labelNames: ['issuer'] as const,
    registers,
    collect() {
      for (const [issuer, keys] of keySets) this.set({ issuer }, keys.size());
    },
  });
  new Gauge({
    name: METRIC.oidcKeysAge,
    help: 'Age of the last good public keys of an issuer of bearer tokens.',
    labelNames: ['issuer'] as const,
    registers,
    collect() {
      for (const [issuer, keys] of keySets) {
        const ageMs = keys.ageMs();
        if (ageMs !== undefined) this.set({ issuer }, ageMs / 1000);
      }
    },
  });
}

/** The gauge of addresses that guess; read from live state, like those above. */
export function exposeLockouts(registry: Registry, lockouts: Pick<Lockouts, 'count'>): void {
  new Gauge({
    name: METRIC.lockedAddresses,
    help: 'Addresses whose wrong credentials are answered with 429, until their windows end.',
    registers: [registry],
    collect() {
      this.set(lockouts.count());
    },
  });
}
