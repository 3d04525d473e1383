import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyIdOf } from '@headgate/contracts/keys';
import { tempDir } from '@headgate/testkit/folders';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileKeyStore, fileKeyStore } from './file-keys.ts';
import { acceptedSecret, type KeyStore } from './key-store.ts';

const KEY = `hg_alice_${'s'.repeat(32)}`;
const NOW = Date.parse('2030-01-01T00:00:00Z');
const record = (id: string, key: string) => ({
  id,
  sha256: createHash('sha256').update(key).digest('hex'),
  name: id,
  role: 'client',
});

/** Which secret of a key in force this is. */
async function secretOf(keys: KeyStore, presented: string) {
  return acceptedSecret(keys.find(keyIdOf(presented) ?? ''), await keys.digest(presented), NOW);
}

describe('fileKeyStore', () => {
  let dir: string;
  let path: string;
  let events: string[];
  let store: FileKeyStore | undefined;

  beforeEach(() => {
    dir = tempDir();
    path = join(dir, 'keys.yaml');
    events = [];
    write(record('alice', KEY));
  });

  afterEach(() => {
    store?.stop();
  });

  // JSON is YAML.
  const write = (...keys: unknown[]) => writeFileSync(path, JSON.stringify({ keys }));
  const start = () => {
    store = fileKeyStore(path, {
      accepted: (count) => events.push(`accepted ${count}`),
      refused: (error) => events.push(`refused ${error.issues.join('; ')}`),
    });
    return store;
  };
  const happened = (...expected: string[]) => expect.poll(() => events).toEqual(expected);

  it('knows a key by its digest, and gives it the default tier when the record names none', async () => {
    const keys = start();
    expect(keys.find('alice')).toMatchObject({ id: 'alice', role: 'client', tier: 'default' });
    expect(await secretOf(keys, KEY)).toBe('current');
    expect(await secretOf(keys, KEY.replace(/s$/, 't'))).toBeUndefined();
  });

  it('accepts an added key and refuses a removed one without a restart', async () => {
    const keys = start();
    const other = `hg_bobby_${'b'.repeat(32)}`;
    write(record('bobby', other));
    await happened('accepted 1', 'accepted 1');
    expect(await secretOf(keys, other)).toBe('current');
    expect(await secretOf(keys, KEY)).toBeUndefined();
  });

  it('refuses a bad file as a whole and keeps the last good keys', async () => {
    const keys = start();
    write(record('carol', 'x'), { ...record('dave', 'y'), role: 'king' });
    await expect.poll(() => events).toHaveLength(2);
    expect(events[1]).toMatch(/^refused line 1, column \d+: keys\.1\.role/);
    expect(await secretOf(keys, KEY)).toBe('current');
    expect(keys.find('carol')).toBeUndefined();
  });

  it('refuses two records with one id, and says which', () => {
    write(record('alice', KEY), record('alice', 'other'));
    expect(start).toThrow(/the id alice twice/);
  });

  it('refuses to start without keys, and never prints a digest', () => {
    const digest = record('alice', KEY).sha256;
    writeFileSync(path, `keys: [{ id: alice, sha256: "${digest}0", name: a, role: client }]`);
    expect(start).toThrow(/expected 64 hex digits/);
    expect(start).not.toThrow(digest);
    rmSync(path);
    expect(start).toThrow(/cannot be read/);
  });
});
