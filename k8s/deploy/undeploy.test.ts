import { expect, it } from 'vitest';
import { sortOut } from './undeploy.ts';

const ofRelease = { 'app.kubernetes.io/instance': 'headgate' };
const made = { 'app.kubernetes.io/managed-by': 'headgate-deploy' };
const object = (kind: string, name: string, labels?: Record<string, string>) => ({
  kind,
  metadata: { name, ...(labels && { labels }) },
});

it('removes what the command made or the release left, and nothing of others', () => {
  const { own, release, foreign } = sortOut([
    object('Secret', 'headgate-internal', made),
    object('Secret', 'headgate-records'),
    object('Secret', 'sh.helm.release.v1.headgate.v3', { owner: 'helm' }),
    object('PersistentVolumeClaim', 'data-headgate-postgres-0', ofRelease),
    object('PersistentVolumeClaim', 'data-shop'),
    object('ConfigMap', 'headgate-routing'),
    object('ConfigMap', 'kube-root-ca.crt'),
    object('Job', 'headgate-migrate', ofRelease),
    object('Deployment', 'shop'),
  ]);
  expect(own).toEqual([
    'secret/headgate-internal',
    'persistentvolumeclaim/data-headgate-postgres-0',
    'configmap/headgate-routing',
  ]);
  expect(release).toEqual(['job/headgate-migrate']);
  expect(foreign).toEqual(['secret/headgate-records', 'persistentvolumeclaim/data-shop', 'deployment/shop']);
});
