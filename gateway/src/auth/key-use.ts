import type { Clock } from '@headgate/runtime/clock';
import type { KeyStore } from '@headgate/runtime/keys/key-store';
import type { KeyCredential } from './identity.ts';

export type KeyUses = ReturnType<typeof createKeyUses>;

/** When each configured key was last accepted. Keys that are configured no more are forgotten (decision 0010). */
export function createKeyUses(keys: Pick<KeyStore, 'find'>, clock: Pick<Clock, 'epochMs'>) {
  const uses = new Map<string, { current?: number; previous?: number }>();
  return {
    touch(keyId: string, secret: KeyCredential['secret']): void {
      const use = uses.get(keyId) ?? {};
      use[secret] = clock.epochMs();
      uses.set(keyId, use);
    },
    /** With the time of each use in ms since the Unix epoch. */
    all() {
      for (const keyId of uses.keys()) if (!keys.find(keyId)) uses.delete(keyId);
      return [...uses].flatMap(([keyId, use]) =>
        (['current', 'previous'] as const).flatMap((secret) => {
          const lastUsedMs = use[secret];
          return lastUsedMs === undefined ? [] : [{ keyId, secret, lastUsedMs }];
        }),
      );
    },
  };
}
