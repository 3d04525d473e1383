import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@headgate/testkit/eventually';
import { paths } from '../../cluster/layout.ts';
import { inNetwork, sh } from '../../cluster/shell.ts';
import { type Scenario, Skipped } from '../scenario.ts';
import { readSecret } from '../secrets.ts';

const ETCD = 'http://127.0.0.1:2379/v3/kv/range';
/** What the API server writes before a value that it encrypted. */
const ENCRYPTED = 'k8s:enc:secretbox:v1:';

/** What etcd holds is read past the API server. A ConfigMap with the same content shows that the reading is right. */
export const secretAtRest: Scenario = {
  name: 'secret-at-rest',
  title: 'A Secret read raw from etcd is unreadable',
  async run({ kube, figure, cleanUp }) {
    if (!existsSync('/run/netns/kn0')) throw new Skipped('needs the test cluster of npm run cluster:up');
    const marker = randomBytes(16).toString('hex');
    const metadata = { name: 'headgate-test-at-rest' };
    cleanUp((late) => late.kubectl(['delete', 'secret,configmap', metadata.name, '--ignore-not-found']));
    await kube.apply(
      { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { marker } },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { marker } },
    );
    const [configMap = ''] = await rawValues(`/registry/configmaps/${kube.namespace}/${metadata.name}`);
    assert.ok(configMap.includes(marker), 'the ConfigMap was not found in etcd');
    const [secret = ''] = await rawValues(`/registry/secrets/${kube.namespace}/${metadata.name}`);
    assert.ok(secret.startsWith(ENCRYPTED), `the Secret starts with ${JSON.stringify(secret.slice(0, 20))}`);
    assert.ok(!secret.includes(marker) && !secret.includes(Buffer.from(marker).toString('base64')));
    assert.equal((await readSecret(kube, metadata.name)).marker, marker);
    const all = await rawValues('/registry/secrets/', '/registry/secrets0');
    assert.ok(all.every((value) => value.startsWith(ENCRYPTED)));
    figure('Secrets in etcd, all encrypted', all.length);
  },
};

/** Values of a key, or of all keys up to `end`, as etcd holds them. */
async function rawValues(key: string, end?: string): Promise<string[]> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const query = { key: base64(key), ...(end === undefined ? {} : { range_end: base64(end) }) };
  const text = await inNetwork('kn0', 'curl', '-sf', '-m', '10', ETCD, '-d', JSON.stringify(query));
  const { kvs = [] } = JSON.parse(text) as { kvs?: { value: string }[] };
  return kvs.map(({ value }) => Buffer.from(value, 'base64').toString('latin1'));
}

const CONTROLLER = '/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:http/proxy';

/** Sealing needs the controller's public certificate alone; what Git would hold is the sealed file. */
export const sealedSecret: Scenario = {
  name: 'sealed-secret',
  title: 'A SealedSecret becomes a Secret, and only under its own name',
  async run({ kube, dir, figure, cleanUp }) {
    const kubeseal = join(paths.programs, 'kubeseal');
    if (!existsSync(kubeseal)) throw new Skipped('needs the test cluster of npm run cluster:up');
    const name = 'headgate-test-sealed';
    const url = `redis://:${randomBytes(16).toString('hex')}@redis.example:6379`;
    const file = (ending: string) => join(dir, `sealed-secret.${ending}`);
    writeFileSync(file('crt'), await kube.kubectl(['get', '--raw', `${CONTROLLER}/v1/cert.pem`]));
    const metadata = { name, namespace: kube.namespace };
    writeFileSync(
      file('plain'),
      JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { url } }),
    );
    const files = ['--cert', file('crt'), '--secret-file', file('plain')];
    await sh(kubeseal, ...files, '--sealed-secret-file', file('json'), '--format', 'json');
    const text = readFileSync(file('json'), 'utf8');
    assert.ok(!text.includes(url) && !text.includes(Buffer.from(url).toString('base64')));
    const sealed = JSON.parse(text) as { metadata: object; spec: { template: { metadata: object } } };
    figure('bytes in Git', text.length);

    const renamed = structuredClone(sealed);
    Object.assign(renamed.metadata, { name: `${name}-copy` });
    Object.assign(renamed.spec.template.metadata, { name: `${name}-copy` });
    cleanUp((late) => late.kubectl(['delete', 'sealedsecret', name, `${name}-copy`, '--ignore-not-found']));
    await kube.apply(sealed, renamed);
    const synced = async (of: string) => {
      const { status } = await kube.get<Sealed>('sealedsecret', of);
      return status?.conditions?.find(({ type }) => type === 'Synced')?.status;
    };
    await eventually(async () => (await synced(name)) === 'True', 'the SealedSecret is unsealed');
    assert.equal((await readSecret(kube, name)).url, url);
    await eventually(async () => (await synced(`${name}-copy`)) === 'False', 'the renamed copy is refused');
    assert.equal(await kube.kubectl(['get', 'secret', `${name}-copy`, '--ignore-not-found']), '');
  },
};

interface Sealed {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}
