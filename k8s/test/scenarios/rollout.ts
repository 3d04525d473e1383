import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditRow } from '@headgate/contracts/admin/api';
import type { Rollout, RolloutState } from '@headgate/contracts/rollout';
import { parseRouting } from '@headgate/contracts/routing';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { bucketOf } from '@headgate/runtime/routing/assign';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { openLoad } from '@headgate/testkit/load';
import { paths } from '../../cluster/layout.ts';
import { predictOnce, type RequestResult } from '../load.ts';
import { logIn, type Operator } from '../operator.ts';
import type { Context, Scenario } from '../scenario.ts';
import { addVersions, VERSION } from '../versions.ts';
import { holderOf } from './leader.ts';
import { edit, tableOf, useTable } from './routing.ts';

/** Of all units, as the specification of rollouts has it. */
const PER_SECOND = 50;
const BAD = { weight: 10, withinMs: 10_000 };
const HOLD_S = 30;
/** The scenario deletes the leader at this time of the step; a hold from zero would end at 42 s or later. */
const DELETED_AFTER_MS = 12_000;
const ENDED_WITHIN_MS = 36_000;
const GUARDRAILS = [{ metric: 'error_rate' }];

/** A bad version, then a good one under which the leading pod goes and an operator edits. */
export const rollout: Scenario = {
  name: 'rollout',
  title:
    'A bad version is rolled back in 10 s without a lost request; a step survives the end of the leading pod; an edit pauses',
  withinMs: 300_000,
  async run(context) {
    const { kube, release, progress, cleanUp } = context;
    await addVersions(context);
    cleanUp((later) => later.kubectl(['delete', 'configmap', `${release}-rollouts`, '--ignore-not-found']));
    await useTable(context, tableOf(100, 0));
    await kube.whenReady('control', 2);
    const leader = await leaderOf(context);
    await refusedElsewhere(context, leader);
    const operator = await logIn(context, leader);
    progress('a version that fails');
    const bad = await rolledBack(context, operator);
    progress('a good version, without its leader');
    const running = context.load({ perSecond: 20, unit: (index) => `visitor-${index}` });
    const good = await handedOver(context, operator, leader);
    await onRecord(good.operator, bad);
    progress('an edit by hand');
    await pausedByEdit(context, good);
    await running.stop();
  },
};

const leaderOf = (context: Context, before = '') =>
  eventually(
    async () => {
      const holder = await holderOf(context);
      // Empty for a moment after an orderly end.
      return holder !== undefined && holder !== '' && holder !== before && holder;
    },
    { what: 'a leader', withinMs: 40_000, everyMs: 200 },
  );

/** The other pod shows everything, and names the leader to who wants to change something. */
async function refusedElsewhere(context: Context, leader: string): Promise<void> {
  const pods = await context.kube.readyPods('control');
  const other = pods.map(({ metadata }) => metadata.name).find((name) => name !== leader);
  ok(other, 'no second pod of control');
  const operator = await logIn(context, other);
  await operator.ask('GET', '/live');
  await rejects(begin(operator, VERSION.good, [{ weight: 1 }]), new RegExp(`421 .*pod/${leader}`));
}

interface Step {
  readonly weight: number;
  readonly hold_s?: number;
  readonly min_samples?: number;
}

const begin = (operator: Operator, version: string, steps: readonly Step[]) =>
  operator.ask<Rollout>('POST', '/rollouts', {
    ...{ model: 'digits', version, policy: { steps, guardrails: GUARDRAILS } },
  });

const until = (operator: Operator, id: string, kind: RolloutState['kind'], weight: number) =>
  eventually(
    async () => {
      const now = await operator.ask<Rollout>('GET', `/rollouts/${id}`);
      return now.state.kind === kind && now.weight === weight && now;
    },
    { what: `a rollout that is ${kind} at ${weight} %`, withinMs: 60_000, everyMs: 100 },
  );

/** Requests of control's units are the load of the scenario, of which none may fail. */
async function rolledBack(context: Context, operator: Operator): Promise<string> {
  const { figure, load, client, cleanUp, key } = context;
  let id: string | undefined;
  const perSecond = (PER_SECOND * BAD.weight) / 100;
  const control = load({ perSecond: PER_SECOND - perSecond, unit: unitsOf('control', () => id) });
  await control.answered(PER_SECOND);
  ({ id } = await begin(operator, VERSION.failing, [{ weight: BAD.weight, hold_s: 60 }]));
  const http = client('http2');
  cleanUp(async () => http.close());
  const options = { key, perSecond, timeoutMs: 10_000, unit: unitsOf('candidate', () => id) };
  const candidate = openLoad<RequestResult>(1000 / perSecond, (index) => predictOnce(http, options, index));
  cleanUp(() => candidate.stop());
  const { state } = await until(operator, id, 'rolled_back', 0);
  const good = () => candidate.samples.slice(-3 * perSecond).every(({ result }) => result === 'ok');
  await eventually(good, { what: 'three seconds without a bad answer', withinMs: 20_000 });
  const samples = await candidate.stop();
  const { sent } = await control.stop();
  const bad = samples.filter(({ result }) => result !== 'ok');
  const firstMs = Math.min(...bad.map(({ endMs }) => endMs));
  const tookMs = Math.max(0, ...bad.map(({ startMs }) => startMs - firstMs));
  figure('first bad answer to last request of the bad version', `${(tookMs / 1000).toFixed(2)} s`);
  figure('bad answers', bad.length);
  figure('requests of other units meanwhile, none lost', sent);
  ok('why' in state && state.by === 'control' && state.why.startsWith('error_rate: '), JSON.stringify(state));
  ok(bad.length > 0 && tookMs < BAD.withinMs, `${bad.length} bad answers in ${tookMs} ms`);
  deepEqual(await weights(context), [100, 0]);
  return id;
}

/** Units of one group of a rollout once it has an id; any unit before. */
function unitsOf(group: 'control' | 'candidate', idOf: () => string | undefined): () => string {
  let next = 0;
  return () => {
    for (;;) {
      const unit = `${group}-${next++}`;
      const id = idOf();
      if (id === undefined) return unit;
      if (bucketOf(id, unit) < BAD.weight * 100 === (group === 'candidate')) return unit;
    }
  };
}

/** Deletes the leader in the middle of a step. @returns the rollout in its second step, at the other pod */
async function handedOver(context: Context, operator: Operator, leader: string) {
  const { kube, figure } = context;
  const startedMs = Date.now();
  const { id } = await begin(operator, VERSION.good, [
    { weight: 20, hold_s: HOLD_S, min_samples: 20 },
    { weight: 40, hold_s: 600 },
  ]);
  const { state } = await until(operator, id, 'running', 20);
  const middle = () => Date.now() - state.since_ms > DELETED_AFTER_MS;
  await eventually(middle, { what: 'the middle of the step', withinMs: 2 * DELETED_AFTER_MS });
  const deletedMs = performance.now();
  await kube.kubectl(['delete', 'pod', leader, '--wait=false']);
  const next = await leaderOf(context, leader);
  figure('another pod leads after', secondsSince(deletedMs));
  const other = await logIn(context, next);
  const { transitions, state: second } = await until(other, id, 'running', 40);
  const tookMs = second.since_ms - state.since_ms;
  figure(`step of ${HOLD_S} s ended after`, `${(tookMs / 1000).toFixed(1)} s`);
  ok(tookMs >= HOLD_S * 1000 && tookMs < ENDED_WITHIN_MS, `the step took ${tookMs} ms`);
  deepEqual(
    transitions.map(({ to, weight }) => `${to.kind} ${weight}`),
    ['preparing 0', 'running 20', 'running 40'],
  );
  deepEqual(writers(context, startedMs), [leader, next]);
  return { operator: other, id };
}

/** What the pod that has ended did is in the store, though its log went with it. */
async function onRecord(operator: Operator, id: string): Promise<void> {
  const look = async () => {
    const path = '/audit?action=rollout.&limit=200';
    const { entries } = await operator.ask<{ entries: readonly AuditRow[] }>('GET', path);
    const actions = entries.filter(({ detail }) => detail?.rollout === id).map(({ action }) => action);
    deepEqual(actions, ['rollout.rollback', 'rollout.step', 'rollout.start']);
    return true;
  };
  await eventually(look, { what: 'the audit records of the pod that ended', withinMs: 30_000, everyMs: 500 });
}

interface AuditEvent {
  readonly requestReceivedTimestamp: string;
  readonly user: { readonly username: string; readonly extra?: Readonly<Record<string, readonly string[]>> };
  readonly objectRef?: { readonly namespace?: string; readonly name?: string; readonly resource?: string };
  readonly responseStatus?: { readonly code: number };
}

/** Pods of control that wrote the two ConfigMaps since then, by the API server's audit log; each once for as long as it goes on. */
function writers({ kube, release }: Context, sinceMs: number): string[] {
  const lines = readFileSync(join(paths.logs, 'audit.log'), 'utf8').trim().split('\n');
  const names = [`${release}-routing`, `${release}-rollouts`];
  const pods = lines
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ objectRef, user, responseStatus, requestReceivedTimestamp }) => {
      const isOurs = user.username === `system:serviceaccount:${kube.namespace}:${release}-control`;
      const isWritten = names.includes(objectRef?.name ?? '') && (responseStatus?.code ?? 0) < 300;
      return isOurs && isWritten && Date.parse(requestReceivedTimestamp) >= sinceMs;
    })
    .map(({ user }) => user.extra?.['authentication.kubernetes.io/pod-name']?.[0] ?? '');
  return pods.filter((pod, index) => pod !== pods[index - 1]);
}

type Handed = Awaited<ReturnType<typeof handedOver>>;

async function pausedByEdit(context: Context, { operator, id }: Handed): Promise<void> {
  const { figure, release } = context;
  const changes = { 'weight: 60': 'weight: 70', 'weight: 40': 'weight: 30' };
  const editedMs = await edit(context, `${release}-routing`, changes);
  const { state } = await until(operator, id, 'paused', 40);
  figure('paused by an edit after', secondsSince(editedMs));
  ok('by' in state);
  figure('it names', state.by);
  equal(state.by, 'manager:kubectl-edit');
  deepEqual(await weights(context), [70, 30]);
  await operator.ask('POST', `/rollouts/${id}/resume`, {});
  await until(operator, id, 'running', 30);
  await operator.ask('POST', `/rollouts/${id}/rollback`, {});
  deepEqual(await weights(context), [100, 0]);
}

async function weights({ kube, release }: Context): Promise<number[] | undefined> {
  const { data } = await kube.get<{ data: Record<string, string> }>('configmap', `${release}-routing`);
  const { models } = parseRouting(parseYaml(data['routing.yaml'] ?? ''));
  return models.digits?.experiment.variants.map(({ weight }) => weight);
}
