import { setImmediate as turn } from 'node:timers/promises';
import { KubernetesError } from '@headgate/runtime/kubernetes/api';
import { ManualClock } from '@headgate/testkit/manual-clock';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Election, LEASE_TIMES, LeaseElection } from './lease.ts';

interface StoredLease {
  metadata: { resourceVersion?: string };
  spec: { holderIdentity: string; leaseTransitions: number };
}

/** The API server's rules for one Lease: optimistic concurrency by resourceVersion. */
class Api {
  readonly namespace = 'shop';
  lease: StoredLease | undefined;
  /** What happens to a call of a candidate: undefined lets it through. */
  fault: (identity: string) => 'lost' | 'unanswered' | undefined = () => undefined;
  #version = 0;

  of(identity: string) {
    return {
      namespace: this.namespace,
      call: async (method: string, path: string, { body }: { body?: unknown } = {}) => {
        const fault = this.fault(identity);
        if (fault === 'lost') throw new KubernetesError(method, 'no answer in time');
        const answer = this.#do(method, path, body as StoredLease);
        if (fault === 'unanswered') throw new KubernetesError(method, 'no answer in time');
        return answer;
      },
    };
  }

  #do(method: string, path: string, body: StoredLease): unknown {
    expect(path).toMatch(/^\/apis\/coordination.k8s.io\/v1\/namespaces\/shop\/leases(\/headgate-control)?$/);
    if (method === 'GET' && this.lease) return structuredClone(this.lease);
    if (method === 'GET') throw new KubernetesError(method, '404', { status: 404 });
    const isStale = body.metadata.resourceVersion !== this.lease?.metadata.resourceVersion;
    if (isStale || (method === 'POST' && this.lease))
      throw new KubernetesError(method, '409', { status: 409 });
    this.#version += 1;
    this.lease = structuredClone(body);
    this.lease.metadata.resourceVersion = String(this.#version);
    return structuredClone(this.lease);
  }
}

let api: Api;
let clock: ManualClock;
let events: string[];

beforeEach(() => {
  api = new Api();
  clock = new ManualClock();
  events = [];
});

function candidate(identity: string, random = () => 0): Election {
  return new LeaseElection({
    api: api.of(identity),
    name: 'headgate-control',
    identity,
    clock,
    random,
    lead: (signal) => {
      events.push(`${identity} leads`);
      signal.addEventListener('abort', () => events.push(`${identity} stops`));
    },
    failed: () => events.push(`${identity} fails`),
  });
}

/** Time passes in steps, in which calls are answered. */
async function pass(ms: number, stepMs = 500): Promise<void> {
  await turn();
  for (let left = ms; left > 0; left -= stepMs) {
    clock.advance(Math.min(stepMs, left));
    await turn();
  }
}

describe('of two candidates', () => {
  it('one leads, for as long as it renews', async () => {
    const [a, b] = [candidate('a'), candidate('b')];
    await pass(120_000);
    expect([a.isLeader, b.isLeader, events]).toEqual([true, false, ['a leads']]);
    expect([a.leader, b.leader]).toEqual(['', 'a']);
    expect(api.lease?.spec).toMatchObject({ holderIdentity: 'a', leaseTransitions: 1 });
    await Promise.all([a.stop(), b.stop()]);
  });

  it('the other leads at once after one that stops', async () => {
    const [a, b] = [candidate('a'), candidate('b')];
    await pass(4000);
    await a.stop();
    await pass(LEASE_TIMES.retryMs);
    expect([a.isLeader, b.isLeader, events]).toEqual([false, true, ['a leads', 'a stops', 'b leads']]);
    await b.stop();
  });

  it('the other leads when one has gone without a word, not before its lease is over', async () => {
    const a = candidate('a');
    await pass(1000);
    const b = candidate('b');
    await pass(4000);
    api.fault = (identity) => (identity === 'a' ? 'lost' : undefined);
    await pass(LEASE_TIMES.leaseMs - 4000);
    expect(b.isLeader).toBe(false);
    await pass(8000);
    expect([a.isLeader, b.isLeader]).toEqual([false, true]);
    expect(events.filter((event) => event !== 'a fails')).toEqual(['a leads', 'a stops', 'b leads']);
    await Promise.all([a.stop(), b.stop()]);
  });

  it('one that the API server does not answer stops before the other may begin, and both lead no longer', async () => {
    const [a, b] = [candidate('a'), candidate('b')];
    await pass(2000);
    api.fault = () => 'lost';
    await pass(60_000);
    expect([a.isLeader, b.isLeader, events.toSorted()]).toEqual([
      false,
      false,
      ['a fails', 'a leads', 'a stops', 'b fails'],
    ]);
    api.fault = () => undefined;
    await pass(4000);
    expect(a.isLeader).not.toBe(b.isLeader);
    await Promise.all([a.stop(), b.stop()]);
  });
});

it('a renewal that arrives and is not answered does not count', async () => {
  const a = candidate('a');
  await pass(2000);
  api.fault = () => 'unanswered';
  await pass(LEASE_TIMES.renewWithinMs);
  expect(events).toEqual(['a leads', 'a fails', 'a stops']);
  await a.stop();
});

it('a timer that is late does not make it lead for longer', async () => {
  const a = candidate('a');
  await pass(500);
  clock.after = () => () => undefined;
  clock.advance(LEASE_TIMES.renewWithinMs);
  expect(a.isLeader).toBe(false);
});

it('at most one leads, whatever is lost, and one does once all is well', async () => {
  const names = ['a', 'b', 'c'] as const;
  const fault = fc.constantFrom(undefined, undefined, 'lost' as const, 'unanswered' as const);
  const step = fc.record({
    ms: fc.integer({ min: 1, max: 9000 }),
    faults: fc.tuple(fault, fault, fault),
    restarts: fc.option(fc.constantFrom(...names), { freq: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.99, noNaN: true })),
      async (steps, dice) => {
        [api, clock] = [new Api(), new ManualClock()];
        const random = () => dice.next().value as number;
        const running = new Map(names.map((name) => [name, candidate(name, random)]));
        const leaders = () => names.filter((name) => running.get(name)?.isLeader);
        for (const { ms, faults, restarts } of steps) {
          api.fault = (identity) => faults[names.indexOf(identity as 'a')];
          if (restarts) {
            await running.get(restarts)?.stop();
            running.set(restarts, candidate(restarts, random));
          }
          for (let left = ms; left > 0; left -= 250) {
            await pass(Math.min(left, 250), 250);
            expect(leaders().length).toBeLessThanOrEqual(1);
          }
        }
        api.fault = () => undefined;
        await pass(LEASE_TIMES.leaseMs + 2 * LEASE_TIMES.retryMs + 1000);
        expect(leaders()).toHaveLength(1);
        await Promise.all([...running.values()].map((one) => one.stop()));
      },
    ),
    { numRuns: 40 },
  );
});
