import { expect, it } from 'vitest';
import { FakePrograms } from './fake-programs.ts';
import type { KubernetesObject } from './rendered.ts';
import { handedOver, keepReplicas } from './replicas.ts';

const deployment = (name: string, replicas?: number): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: replicas === undefined ? {} : { replicas },
});

it('finds the Deployments that an autoscaler takes over', () => {
  const before = [deployment('gateway', 3), deployment('inference'), deployment('envoy', 2)];
  const after = [deployment('gateway'), deployment('inference'), deployment('envoy', 2), deployment('new')];
  expect(handedOver(before, after)).toEqual(['gateway']);
});

it('finds none when autoscaling is switched off', () => {
  expect(handedOver([deployment('gateway')], [deployment('gateway', 3)])).toEqual([]);
});

it('looks at the good revision, too: the last one may have failed before it was sent', async () => {
  const programs = new FakePrograms([
    [/get manifest headgate --revision 5/, JSON.stringify(deployment('gateway', 3))],
    [/get manifest/, JSON.stringify(deployment('gateway'))],
    [/get deployment gateway/, JSON.stringify(deployment('gateway', 4))],
  ]);
  await keepReplicas(programs, [deployment('gateway')], 5);
  expect(programs.inputs.map((input) => JSON.parse(input).spec)).toEqual([{ replicas: 4 }]);
});
