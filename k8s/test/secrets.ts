import { createHash, randomBytes } from 'node:crypto';
import { type KeyRecord, keyFileSchema } from '@headgate/contracts/keys';
import { stringify } from 'yaml';
import type { Kube } from './kube.ts';

/** Tier without a quota, in values.yaml. */
const TIER = 'load';
/** Keeps the plain keys beside the release, so that a second run on it can use them. */
const CLIENT_SECRET = 'headgate-test-client';
/** In the certificate, and in `envoy.serverNames` of values.yaml. */
export const HOST = 'headgate.test';

/** Namespace and API keys of the test. The deploy program makes all other Secrets. */
export async function writeSecrets(kube: Kube): Promise<void> {
  const { namespace } = kube;
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } });
  if ((await kube.kubectl(['get', 'secret', CLIENT_SECRET, '--ignore-not-found'])) !== '') return;
  const client = makeKey('loadclient', 'client');
  const admin = makeKey('loadadmin', 'admin');
  const keys = stringify(keyFileSchema.parse({ keys: [client.record, admin.record] }));
  await kube.apply(
    secret('headgate-keys', { 'keys.yaml': keys }),
    secret(CLIENT_SECRET, { key: client.key, admin: admin.key }),
  );
}

export async function readKeys(kube: Kube): Promise<{ key: string; adminKey: string }> {
  const { key = '', admin = '' } = await readSecret(kube, CLIENT_SECRET);
  return { key, adminKey: admin };
}

/** The authority of Envoy's certificate, which the deploy program made. */
export async function readAuthority(kube: Kube): Promise<string> {
  const { 'ca.crt': ca } = await readSecret(kube, 'headgate-tls');
  if (ca === undefined) throw new Error('the Secret headgate-tls has no ca.crt');
  return ca;
}

/** Decoded values of a Secret. */
export async function readSecret(kube: Kube, name: string): Promise<Record<string, string>> {
  const { data } = await kube.get<{ data: Record<string, string> }>('secret', name);
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );
}

export const secret = (name: string, stringData: Record<string, string>) => ({
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData },
});

/** A key without a quota. */
export function makeKey(id: string, role: KeyRecord['role']) {
  const key = `hg_${id}_${randomBytes(32).toString('base64url')}`;
  const sha256 = createHash('sha256').update(key).digest('hex');
  return { key, record: { id, sha256, name: id, role, tier: TIER } };
}
