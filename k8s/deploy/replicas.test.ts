import { expect, it } from 'vitest';
import type { KubernetesObject } from './rendered.ts';
import { handedOver } from './replicas.ts';

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
