import { expect, it } from 'vitest';
import { createKeyUses } from './key-use.ts';

it('remembers the last use of each secret, and forgets keys that are configured no more', () => {
  const configured = new Set(['alice', 'bobby']);
  let now = 1000;
  const uses = createKeyUses(
    { find: (id) => (configured.has(id) ? ({ id } as never) : undefined) },
    { epochMs: () => now },
  );
  uses.touch('alice', 'previous');
  uses.touch('bobby', 'current');
  now = 2000;
  uses.touch('alice', 'current');
  expect(uses.all()).toEqual([
    { keyId: 'alice', secret: 'current', lastUsedMs: 2000 },
    { keyId: 'alice', secret: 'previous', lastUsedMs: 1000 },
    { keyId: 'bobby', secret: 'current', lastUsedMs: 1000 },
  ]);
  configured.delete('alice');
  expect(uses.all().map(({ keyId }) => keyId)).toEqual(['bobby']);
});
