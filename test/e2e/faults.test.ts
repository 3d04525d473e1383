import { setTimeout as pause } from 'node:timers/promises';
import type { Reason } from '@headgate/contracts/errors';
import { METRIC, portOf } from '@headgate/contracts/names';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { grpcClient } from '@headgate/testkit/grpc';
import { type Answer, fetchOnce, httpsClient } from '@headgate/testkit/http';
import { closedLoad, openLoad, type Sample } from '@headgate/testkit/load';
import { scrape, total } from '@headgate/testkit/metrics';
import { samplePhoto } from '@headgate/testkit/photos';
import { postPhoto } from '@headgate/testkit/predict';
import { type Part, pidOf, processesOf } from '@headgate/testkit/stack';
import { summary } from '@headgate/testkit/stats';
import { afterAll, beforeEach, describe, expect, inject, it } from 'vitest';

const stack = inject('stack');
const { ready } = stack;
const client = httpsClient(ready);
afterAll(() => client.close());

const photo = samplePhoto('coffee.png');
const ask = (index: number) =>
  postPhoto(client, photo, { key: ready.keys.bench, unit: `caller-${index % 50}` });

/** A request that began so long before a signal, in ms, had reached the process that gets it. */
const ON_THE_WAY_MS = 50;
const HEALED_WITHIN_MS = 60_000;

const reasonOf = ({ status, text }: Answer): Reason | 'ok' =>
  status === 200 ? 'ok' : (JSON.parse(text) as { reason: Reason }).reason;

/** How often each outcome was answered. */
function outcomes(samples: readonly Sample<Answer>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { result } of samples) {
    const outcome = `${result.status} ${reasonOf(result)}`;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

/** Both versions answer: what each test begins with, and what each fault must come back to. */
async function healthy(): Promise<void> {
  await eventually(
    async () => {
      const { status } = await fetchOnce(ready.health);
      const paths = ['1', '2'].map((version) => `/v1/models/${ready.model}/versions/${version}/predict`);
      const answers = await Promise.all(
        paths.map((path) => postPhoto(client, photo, { key: ready.keys.admin, path })),
      );
      return status === 200 && answers.every((answer) => answer.status === 200);
    },
    { what: 'both versions in service', withinMs: HEALED_WITHIN_MS },
  );
}

beforeEach(healthy);

describe('An engine that is killed under load', () => {
  it('is back by itself, and until then nothing but UNAVAILABLE is answered', async () => {
    const load = closedLoad(8, ask);
    await pause(1000);
    const victims = processesOf(stack, 'engine').map(({ pid }) => pid);
    expect(victims.length).toBeGreaterThan(0);
    const startMs = performance.now();
    for (const pid of victims) process.kill(pid, 'SIGKILL');
    await eventually(
      () => load.samples.some((one) => one.result.status === 200 && one.startMs > startMs + ON_THE_WAY_MS),
      { what: 'an answer after the engines were killed', withinMs: HEALED_WITHIN_MS },
    );
    console.log(`${victims.length} engines killed: answers again after ${secondsSince(startMs)}`);
    await healthy();
    console.log(`${victims.length} engines killed: all versions back after ${secondsSince(startMs)}`);
    const seen = outcomes(await load.stop());
    console.log('outcomes while engines were killed', seen);
    expect(Object.keys(seen).filter((one) => one !== '200 ok' && one !== '503 unavailable')).toEqual([]);
    expect(processesOf(stack, 'engine').map(({ pid }) => pid)).not.toEqual(
      expect.arrayContaining([victims[0]]),
    );
  });
});

describe.each<Part>(['gateway', 'inference'])('SIGTERM of %s under load', (part) => {
  it('fails no request that was accepted before it', async () => {
    const load = closedLoad(16, ask);
    await pause(1500);
    const before = pidOf(stack, part);
    const signalMs = performance.now();
    process.kill(before, 'SIGTERM');
    await eventually(() => !processesOf(stack, part).some(({ pid }) => pid === before), {
      what: `the end of ${part}`,
      withinMs: 25_000,
    });
    console.log(`${part} drained and ended after ${secondsSince(signalMs)}`);
    await healthy();
    console.log(`${part} was replaced and in service after ${secondsSince(signalMs)}`);
    const samples = await load.stop();
    const accepted = samples.filter(
      ({ startMs, endMs }) => startMs < signalMs - ON_THE_WAY_MS && endMs > signalMs,
    );
    console.log(`${part}: accepted before SIGTERM`, outcomes(accepted), 'in all', outcomes(samples));
    expect(accepted.length).toBeGreaterThan(0);
    expect(accepted.filter(({ result }) => result.status !== 200)).toEqual([]);
    expect(Object.keys(outcomes(samples)).filter((one) => !/^(200 ok|503 unavailable)$/.test(one))).toEqual(
      [],
    );
  });
});

describe('While inference is saturated', () => {
  it('/readyz and gRPC health go on answering', async () => {
    const grpc = grpcClient(ready.inferenceGrpc);
    const load = closedLoad(64, ask);
    await pause(500);
    const readyz = openLoad(20, () => fetchOnce(ready.health));
    const health = openLoad(20, () => grpc.health());
    await pause(4000);
    const [probes, checks] = await Promise.all([readyz.stop(), health.stop()]);
    const samples = await load.stop();
    grpc.close();
    const durations = (list: readonly Sample<unknown>[]) => list.map((one) => one.endMs - one.startMs);
    console.log(`saturated: /readyz ${summary(durations(probes))}, health ${summary(durations(checks))}`);
    console.log('saturated: outcomes', outcomes(samples));
    expect(probes.filter(({ result }) => result.status !== 200)).toEqual([]);
    expect(checks.filter(({ result }) => result !== 'SERVING')).toEqual([]);
  });
});

describe('Callers that go away', () => {
  it('give up their places in the queue, instead of being worked for', async () => {
    const page = () => scrape(`http://127.0.0.1:${portOf(stack.portBase, 'inferenceInternal')}/metrics`);
    const cancelled = async () => total(await page(), METRIC.inferRequests, { outcome: 'cancelled' });
    const inFlight = async () => total(await page(), METRIC.inFlight);
    const before = await cancelled();
    const impatient = httpsClient(ready);
    const small = samplePhoto('rocket.jpg');
    const asked = Array.from({ length: 64 }, () => postPhoto(impatient, small, { key: ready.keys.bench }));
    const answers = Promise.allSettled(asked);
    await eventually(async () => (await inFlight()) >= 32, {
      what: '32 images in work',
      withinMs: 10_000,
      everyMs: 5,
    });
    await impatient.close();
    await answers;
    await eventually(async () => (await inFlight()) === 0, { what: 'an empty queue', withinMs: 10_000 });
    expect((await cancelled()) - before).toBeGreaterThan(8);
  });
});
