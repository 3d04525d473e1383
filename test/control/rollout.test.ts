import { readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { AuditPage } from '@headgate/contracts/admin/api';
import type { RolloutPolicy } from '@headgate/contracts/rollout';
import { eventually } from '@headgate/testkit/eventually';
import { figure } from '@headgate/testkit/figures';
import { pidOf, processesOf } from '@headgate/testkit/stack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type DigitsStack,
  isOfCandidate,
  MODEL,
  type Sent,
  startDigits,
  VERSION,
} from './harness/digits-stack.ts';

const PER_SECOND = 50;
const WEIGHT = 10;
/** Control needs as many errors to tell them from chance, by whichever of its rules sees them first. */
const MIN_ERRORS = 3;
/** A third of what Kubernetes gives a pod. */
const STOP_WITHIN_MS = 10_000;

let digits: DigitsStack;

beforeAll(async () => {
  digits = await startDigits();
});

afterAll(async () => {
  expect(await digits?.stop()).toEqual([]);
});

type Step = Partial<RolloutPolicy['steps'][number]> & { readonly weight: number };
const policy = (steps: readonly Step[], guardrails: readonly object[] = [{ metric: 'error_rate' }]) =>
  ({ steps, guardrails }) as unknown as RolloutPolicy;

const engines = () =>
  processesOf(digits.stack, 'engine')
    .map(({ pid }) => pid)
    .sort();
const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
const weights = () =>
  [...readFileSync(digits.routing, 'utf8').matchAll(/weight: (\S+)/g)].map(([, weight]) => Number(weight));

/** From the first bad answer to the last request that the bad version still got. */
function exposure(sent: readonly Sent[]): number {
  const failed = sent.filter(({ status }) => status >= 500);
  const firstMs = Math.min(...failed.map(({ endMs }) => endMs));
  return Math.max(0, ...failed.map(({ startMs }) => startMs - firstMs));
}

/** Requests of units that the candidate cannot have had, and that were not answered. */
const lost = (sent: readonly Sent[], rollout: { readonly id: string }, weight: number) =>
  sent.filter(({ status, unit }) => status !== 200 && !isOfCandidate(rollout, unit, weight));

describe('a version that fails with each request', () => {
  it('is rolled back by itself within 10 s, without a start of an engine and without a lost request', async () => {
    const before = engines();
    const load = digits.load(PER_SECOND);
    const rollout = await digits.start(VERSION.failing, policy([{ weight: WEIGHT, hold_s: 60 }]));
    const { state, evidence } = await digits.until(rollout.id, 'rolled_back');
    await eventually(async () => load.sent.length > 0 && afterwards(load.sent, 3000), {
      what: 'three seconds without a bad answer',
      withinMs: 20_000,
    });
    const sent = await load.stop();
    const [took, missing] = [exposure(sent), lost(sent, rollout, WEIGHT)];
    const bad = sent.filter(({ status }) => status >= 500).length;
    figure({
      name: 'Automatic rollback: first bad answer to last request of the bad version',
      wanted: '< 10 s',
      got: `${seconds(took)} (${bad} bad answers)`,
      passed: took < 10_000,
    });
    figure({
      name: 'Automatic rollback: lost requests of units of control',
      wanted: '0',
      got: `${missing.length} of ${sent.length}`,
      passed: missing.length === 0,
    });
    expect(state).toMatchObject({
      kind: 'rolled_back',
      by: 'control',
      why: expect.stringMatching(/^error_rate: /),
    });
    expect(evidence).toMatchObject([{ verdict: 'fail', value: 1 }]);
    expect(bad).toBeGreaterThanOrEqual(MIN_ERRORS);
    expect(took).toBeLessThan(10_000);
    expect(missing).toEqual([]);
    expect(engines()).toEqual(before);
    expect(weights()).toEqual([100, 0]);
  });

  it('is rolled back on command within 2 s', async () => {
    const load = digits.load(PER_SECOND);
    // Limits that a failing version does not reach: control must not be faster than the command.
    const errors = { metric: 'error_rate', max: 1, max_increase: 1 };
    const lenient = policy([{ weight: WEIGHT, hold_s: 60 }], [errors]);
    const rollout = await digits.start(VERSION.failing, lenient);
    await digits.until(rollout.id, 'running', WEIGHT);
    await eventually(() => load.sent.some(({ status }) => status >= 500), {
      what: 'a bad answer',
      withinMs: 20_000,
    });
    const askedMs = performance.now();
    expect((await digits.act(rollout.id, 'rollback')).status).toBe(200);
    await eventually(() => performance.now() - askedMs > 4000, { what: 'four seconds', withinMs: 10_000 });
    const sent = await load.stop();
    const took = Math.max(
      0,
      ...sent.filter(({ status }) => status >= 500).map(({ startMs }) => startMs - askedMs),
    );
    const missing = lost(sent, rollout, WEIGHT);
    figure({
      name: 'Rollback on command: command to last request of the bad version',
      wanted: '< 2 s',
      got: seconds(took),
      passed: took < 2000,
    });
    expect(took).toBeLessThan(2000);
    expect(missing).toEqual([]);
  });
});

/** Whether more than `ms` lie between the last bad answer and the last request. */
function afterwards(sent: readonly Sent[], ms: number): boolean {
  const badMs = Math.max(...sent.filter(({ status }) => status >= 500).map(({ endMs }) => endMs));
  return Math.max(...sent.map(({ startMs }) => startMs)) - badMs > ms;
}

it('a version that answers fast with the wrong label is rolled back by feedback alone', async () => {
  const load = digits.load(PER_SECOND);
  const guardrails = [{ metric: 'error_rate' }, { metric: 'accuracy', max_drop: 0.01 }];
  const rollout = await digits.start(VERSION.mislabelled, policy([{ weight: 50, hold_s: 600 }], guardrails));
  await digits.until(rollout.id, 'running', 50);
  const startedMs = performance.now();
  const judged = judgeAll(load.sent);
  const { state, evidence } = await digits.until(rollout.id, 'rolled_back', 0, 180_000);
  const took = performance.now() - startedMs;
  const count = await judged.stop();
  const sent = await load.stop();
  figure({
    name: 'Wrong labels at 50 %: time to the automatic rollback by feedback',
    wanted: '< 90 s',
    got: `${seconds(took)} (${count} judgements)`,
    passed: took < 90_000,
  });
  expect(state).toMatchObject({ by: 'control', why: expect.stringMatching(/^The accuracy of /) });
  expect(evidence[0]).toMatchObject({ metric: 'error_rate', value: 0 });
  expect(sent.filter(({ status }) => status !== 200)).toEqual([]);
}, 300_000);

/** Tells each answer's right label, which is that of the photo. */
function judgeAll(sent: readonly Sent[]) {
  let [isStopped, count] = [false, 0];
  const run = async () => {
    while (!isStopped) {
      const { id } = sent[count] ?? {};
      if (id === undefined)
        await eventually(() => isStopped || sent[count]?.id, { what: 'an answer', withinMs: 60_000 });
      else if ((await digits.feedback(id, '7')) < 300) count += 1;
    }
  };
  const ended = run();
  return {
    async stop(): Promise<number> {
      isStopped = true;
      await ended;
      return count;
    },
  };
}

it('goes on after control was killed, in the same step, and is paused by an edit', async () => {
  const load = digits.load(20);
  const rollout = await digits.start(VERSION.mislabelled, policy([{ weight: 20, hold_s: 300 }]));
  await digits.until(rollout.id, 'running', 20);
  const before = pidOf(digits.stack, 'control');
  process.kill(before, 'SIGKILL');
  await eventually(() => processesOf(digits.stack, 'control').some(({ pid }) => pid !== before), {
    what: 'a new control process',
    withinMs: 30_000,
  });
  expect(await digits.until(rollout.id, 'running', 20)).toMatchObject({ id: rollout.id, state: { step: 0 } });
  // The rollout is in its step before the table is.
  await eventually(() => isDeepStrictEqual(weights(), [80, 20]), 'the weights of the step in the table');
  const edited = readFileSync(digits.routing, 'utf8')
    .replace('weight: 80', 'weight: 70')
    .replace('weight: 20', 'weight: 30');
  writeFileSync(digits.routing, edited);
  const paused = await digits.until(rollout.id, 'paused');
  expect(paused.state).toMatchObject({ by: `user:${userInfo().username}` });
  expect(weights()).toEqual([70, 30]);
  expect((await digits.act(rollout.id, 'resume')).body).toMatchObject({
    weight: 30,
    state: { kind: 'running' },
  });
  expect((await digits.act(rollout.id, 'rollback')).status).toBe(200);
  const sent = await load.stop();
  expect(sent.filter(({ status }) => status !== 200)).toEqual([]);
  expect(weights()).toEqual([100, 0]);
});

it('stops in the middle of a step and of a report, and goes on after the next start', async () => {
  const load = digits.load(20);
  const guardrails = [{ metric: 'error_rate' }, { metric: 'accuracy', max_drop: 0.5 }];
  const rollout = await digits.start(VERSION.mislabelled, policy([{ weight: 20, hold_s: 300 }], guardrails));
  const { state } = await digits.until(rollout.id, 'running', 20);
  const before = pidOf(digits.stack, 'control');
  const report = `/experiments/${MODEL}?experiment=${rollout.id}`;
  await eventually(async () => (await digits.ask('GET', report)).status === 200, {
    what: 'a report of the rollout',
    withinMs: 30_000,
  });
  const open = [0.9, 0.95, 0.99].map((level) =>
    digits.ask('GET', `${report}&level=${level}`).catch(() => null),
  );
  process.kill(before, 'SIGTERM');
  const ended = await eventually(
    () => digits.stack.supervisor.output().match(/control ended with exit code \d+/)?.[0],
    { what: 'the end of control', withinMs: STOP_WITHIN_MS },
  );
  expect(ended).toBe('control ended with exit code 0');
  await Promise.all(open);
  const after = await digits.until(rollout.id, 'running', 20);
  expect(pidOf(digits.stack, 'control')).not.toBe(before);
  expect(after.state).toMatchObject({ step: 0, since_ms: state.since_ms });
  for (const action of ['rollout.step', 'control.stop']) {
    const { body } = await digits.ask<AuditPage>('GET', `/audit?action=${action}`);
    expect([action, body.entries.length]).not.toEqual([action, 0]);
  }
  expect((await digits.act(rollout.id, 'rollback')).status).toBe(200);
  expect((await load.stop()).filter(({ status }) => status !== 200)).toEqual([]);
});
