import { expect, it } from 'vitest';
import { imagesOf, neededSecrets, variableIn, volumeSecret } from './inspect.ts';
import type { KubernetesObject } from './rendered.ts';

const pod = (spec: object): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'gateway' },
  spec: { template: { spec } },
});

it('finds Secrets in volumes, projected volumes and variables, with the keys', () => {
  const objects = [
    pod({
      volumes: [
        { name: 'keys', secret: { secretName: 'keys', items: [{ key: 'keys.yaml', path: 'keys.yaml' }] } },
        { name: 'all', projected: { sources: [{ secret: { name: 'part', items: [{ key: 'a' }] } }] } },
        { name: 'maybe', secret: { secretName: 'maybe', optional: true } },
      ],
      containers: [{ env: [{ valueFrom: { secretKeyRef: { name: 'db', key: 'url' } } }] }],
    }),
    pod({ containers: [{ env: [{ valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } }] }] }),
  ];
  expect(neededSecrets(objects)).toEqual([
    { name: 'keys', keys: ['keys.yaml'] },
    { name: 'part', keys: ['a'] },
    { name: 'db', keys: ['url', 'password'] },
  ]);
});

it('leaves out what the release makes itself', () => {
  const volumes = ['tls', 'sealed'].map((secretName) => ({ secret: { secretName } }));
  const made = (kind: string, name: string, spec: Record<string, unknown>): KubernetesObject => ({
    apiVersion: 'v1',
    kind,
    metadata: { name },
    spec,
  });
  const objects = [
    pod({ volumes }),
    made('Certificate', 'public', { secretName: 'tls' }),
    made('SealedSecret', 'sealed', {}),
  ];
  expect(neededSecrets(objects)).toEqual([]);
});

it('finds images once, a variable, and the Secret of a volume', () => {
  const containers = [{ image: 'b', env: [{ name: 'HOSTS', value: '["a.org"]' }] }, { image: 'a' }];
  const volumes = [
    { name: 'tls', emptyDir: {} },
    { name: 'tls', secret: { secretName: 'public' } },
  ];
  const objects = [pod({ containers, initContainers: [{ image: 'a' }], volumes })];
  expect(imagesOf(objects)).toEqual(['a', 'b']);
  expect(variableIn(objects, 'HOSTS')).toBe('["a.org"]');
  expect(variableIn(objects, 'OTHER')).toBeUndefined();
  expect(volumeSecret(objects, 'tls')).toBe('public');
});
