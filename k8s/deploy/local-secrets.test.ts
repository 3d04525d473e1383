import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { keyFileSchema, keyIdOf } from '@headgate/contracts/keys';
import { readInternalSecret } from '@headgate/runtime/internal-secret';
import { readHashKey } from '@headgate/runtime/keyed-hash';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { clientKeyFile, LOCAL_SECRETS, SECRET_KEYS, type SecretRole } from './local-secrets.ts';

/** The Secret as pods see it. */
async function made(role: SecretRole, dir = tempDir()) {
  const data = await LOCAL_SECRETS[role]({ dir: join(dir, 'kept'), host: 'headgate.test' });
  for (const [name, text] of Object.entries(data)) writeText(join(dir, name), text);
  return { dir, kept: join(dir, 'kept'), data };
}

it('makes every key that pods read', async () => {
  const { dir } = await made('keys');
  for (const role of Object.keys(SECRET_KEYS) as SecretRole[]) {
    expect(Object.keys((await made(role, dir)).data), role).toEqual(
      expect.arrayContaining([...SECRET_KEYS[role]]),
    );
  }
});

it('makes secrets that the processes accept', async () => {
  const internal = await made('internal');
  expect(readInternalSecret({ internal_secret_file: 'internal.secret' }, internal.dir)).toBeDefined();
  const records = await made('records');
  expect(readHashKey(join(records.dir, 'records.key')).length).toBeGreaterThan(0);
});

it('makes keys of the default tier, and keeps them for their owner alone', async () => {
  const { kept, data } = await made('keys');
  const { keys } = keyFileSchema.parse(parseYaml(data['keys.yaml'] ?? ''));
  const key = readFileSync(clientKeyFile(kept), 'utf8').trim();
  expect(keys.map(({ role, tier }) => `${role} ${tier}`)).toEqual([
    'client default',
    'tester default',
    'admin default',
    'admin default',
  ]);
  expect(keys[0]?.id).toBe(keyIdOf(key));
  expect(statSync(clientKeyFile(kept)).mode & 0o777).toBe(0o600);
  expect(data['keys.yaml']).not.toContain(key);
});

it('gives the pipelines an admin key of their own, and the tester key', async () => {
  const { dir, data } = await made('keys');
  const { keys } = keyFileSchema.parse(parseYaml(data['keys.yaml'] ?? ''));
  const { data: given } = await made('pipelines', dir);
  const recordOf = (name: string) => keys.find(({ id }) => id === keyIdOf(given[name] ?? ''));
  expect(recordOf('admin.key')).toMatchObject({ name: 'test pipelines', role: 'admin' });
  expect(recordOf('tester.key')).toMatchObject({ name: 'test tester', role: 'tester' });
});

it('makes a certificate for the name that clients call, with its authority', async () => {
  const { data } = await made('tls');
  const certificate = new X509Certificate(data['tls.crt'] ?? '');
  expect(certificate.checkHost('headgate.test')).toBe('headgate.test');
  expect(certificate.checkIssued(new X509Certificate(data['ca.crt'] ?? ''))).toBe(true);
});
