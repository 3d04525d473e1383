import { describe, expect, it } from 'vitest';
import { isRolledOut, type Pod, refusalOf, troubleOf, type Workload } from './pods.ts';

const metadata = { name: 'headgate-gateway', uid: 'u' };

const deployment = (status: Workload['status'], generation = 2): Workload => ({
  kind: 'Deployment',
  metadata: { ...metadata, generation },
  spec: { replicas: 3 },
  status,
});

describe('a Deployment is rolled out', () => {
  const done = { observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3 };

  it('when all its pods are new and ready', () => {
    expect(isRolledOut(deployment(done))).toBe(true);
  });

  it.each([
    ['the controller has not seen the change', { ...done, observedGeneration: 1 }],
    ['a pod of the old form is left', { ...done, replicas: 4 }],
    ['a pod is not new', { ...done, updatedReplicas: 2, replicas: 2 }],
    ['a pod is not available', { ...done, availableReplicas: 2 }],
  ])('not when %s', (_, status) => {
    expect(isRolledOut(deployment(status))).toBe(false);
  });
});

describe('what a workload cannot do', () => {
  it('is named with the message of its controller', () => {
    const message = 'pods "x" is forbidden: exceeded quota: small';
    const conditions = [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }];
    expect(refusalOf(deployment({ conditions }))).toEqual([
      { pod: 'headgate-gateway', text: message, isLasting: true },
    ]);
  });

  it('is to run a Job whose pods fail again and again', () => {
    const job = { ...deployment({ failed: 3 }), kind: 'Job' };
    expect(refusalOf(job)[0]).toMatchObject({ text: '3 pods have failed', isLasting: true });
    expect(refusalOf({ ...job, status: { failed: 2 } })).toEqual([]);
  });
});

describe('a pod that is not ready', () => {
  const pod = (status: Partial<Pod['status']>): Pod => ({
    kind: 'Pod',
    metadata,
    status: { phase: 'Pending', ...status },
  });
  const container = { name: 'gateway', ready: false, restartCount: 0 };

  it('has no trouble once it is ready, or while it ends', () => {
    expect(troubleOf(pod({ conditions: [{ type: 'Ready', status: 'True' }] }))).toBeUndefined();
    expect(
      troubleOf({ ...pod({}), metadata: { ...metadata, deletionTimestamp: '2030-01-01T00:00:00Z' } }),
    ).toBeUndefined();
  });

  it('may wait for a node, which an autoscaler may bring', () => {
    const message = '0/3 nodes are available: 3 Insufficient cpu.';
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
    expect(troubleOf(pod({ conditions }))).toMatchObject({
      text: `no node takes it: ${message}`,
      isLasting: false,
    });
  });

  it('cannot pull its image', () => {
    const state = { waiting: { reason: 'ImagePullBackOff', message: 'manifest unknown' } };
    expect(troubleOf(pod({ containerStatuses: [{ ...container, state }] }))).toMatchObject({
      text: 'gateway: the image cannot be pulled: manifest unknown',
      isLasting: true,
    });
  });

  it('crashes: not lasting at first, since an accident may happen', () => {
    const ended = { terminated: { exitCode: 2 } };
    const crashed = (restartCount: number) =>
      pod({
        containerStatuses: [
          {
            ...container,
            restartCount,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: ended,
          },
        ],
      });
    expect(troubleOf(crashed(1))).toMatchObject({
      text: 'gateway ended with code 2, 1 restarts',
      isLasting: false,
      container: 'gateway',
    });
    expect(troubleOf(crashed(2))).toMatchObject({ isLasting: true });
  });

  it('used too much memory', () => {
    const state = { terminated: { exitCode: 137, reason: 'OOMKilled' } };
    expect(troubleOf(pod({ containerStatuses: [{ ...container, state }] }))?.text).toBe(
      'gateway used more memory than its limit, 0 restarts',
    );
  });

  it('runs, and its probe says no', () => {
    const state = { running: {} };
    expect(troubleOf(pod({ phase: 'Running', containerStatuses: [{ ...container, state }] }))).toMatchObject({
      text: 'gateway runs and is not ready',
      isLasting: false,
    });
  });
});
