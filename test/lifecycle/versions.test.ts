import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelsView, ModelVersionView, RolledBack } from '@headgate/contracts/admin/api';
import type { Rollout } from '@headgate/contracts/rollout';
import { eventually } from '@headgate/testkit/eventually';
import { figure } from '@headgate/testkit/figures';
import { samplePhoto } from '@headgate/testkit/photos';
import { ROOT } from '@headgate/testkit/root';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MODEL, type Services, startServices } from './circle/services.ts';
import { type Answered, startTraffic, type Traffic } from './circle/traffic.ts';

const PER_SECOND = 30;
const POLICY = {
  steps: [{ weight: 50, hold_s: 1, min_samples: 10 }],
  guardrails: [{ metric: 'error_rate' }],
};

let services: Services;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headgate-versions-'));
  services = await startServices(dir);
  const folder = join(dir, 'version');
  cpSync(join(ROOT, 'models', MODEL, '1'), folder, { recursive: true });
  cpSync(join(ROOT, 'samples/digit-7.png'), join(folder, 'digit-7.png'));
  for (let version = 1; version <= 3; version += 1) await services.mlflow.publish(MODEL, folder);
});
afterAll(async () => {
  expect(await services?.stop()).toEqual([]);
  rmSync(dir, { recursive: true, force: true });
});

const alias = (name: string, version: string) =>
  services.mlflow.call('POST', 'registered-models/alias', { name: MODEL, alias: name, version });
const withoutAlias = (name: string) =>
  services.mlflow.call('DELETE', 'registered-models/alias', { name: MODEL, alias: name });

const view = () => services.ask<ModelsView>('GET', '/models');

/** The version once it is as a test wants it. */
const version = (number: string, is: (one: ModelVersionView) => boolean, what: string) =>
  eventually(
    async () => {
      const [model] = (await view()).models;
      return model?.versions.find((one) => one.version === number && is(one));
    },
    { what: `version ${number} that ${what}`, withinMs: 60_000 },
  );

const isLoaded = ({ role, pods, ready_pods: ready }: ModelVersionView) =>
  role === 'loaded' && pods > 0 && ready === pods;

/** Requests while something is done, none of which may fail. */
async function underTraffic<T>(work: (traffic: Traffic) => Promise<T>) {
  const images = [{ label: '7', bytes: samplePhoto('digit-7.png').bytes }];
  const traffic = startTraffic({ stack: services.stack, model: MODEL, images, perSecond: PER_SECOND });
  const done = await work(traffic).finally(() => traffic.stop());
  const failed = traffic.answered.filter(({ status }) => status !== 200).length;
  return { done, failed, answered: traffic.answered };
}

const isServed = ({ answered }: Traffic, by: string) =>
  eventually(
    () => answered.slice(-20).length === 20 && answered.slice(-20).every((one) => one.version === by),
    {
      what: `answers of version ${by} alone`,
      withinMs: 30_000,
    },
  );

/** From the command to the last request that the version still got. */
const lastOf = (answered: readonly Answered[], by: string, askedMs: number) =>
  Math.max(0, ...answered.filter((one) => one.version === by).map(({ startMs }) => startMs - askedMs));

function record(name: string, tookMs: number, failed: number, all: number): void {
  const got = `${(tookMs / 1000).toFixed(2)} s; ${failed} of ${all} requests failed`;
  console.log(`${name}: ${got}`);
  figure({ name, wanted: '< 5 min; 0 failed', got, passed: tookMs < 300_000 && failed === 0 });
}

async function rollBack(name: string, from: string, asked: { to?: string }) {
  const { done, failed, answered } = await underTraffic(async (traffic) => {
    await isServed(traffic, from);
    const askedMs = performance.now();
    const answer = await services.ask<RolledBack>('POST', `/models/${MODEL}/rollback`, asked);
    await isServed(traffic, answer.to);
    return { askedMs, answer };
  });
  record(name, lastOf(answered, from, done.askedMs), failed, answered.length);
  expect(failed).toBe(0);
  return done.answer;
}

it('the version that the alias staging names is loaded, without traffic', async () => {
  await alias('staging', '2');
  await version('2', isLoaded, 'is loaded');
  await version(
    '1',
    ({ aliases, stage }) => aliases.includes('champion') && stage === 'Production',
    'is champion',
  );
  expect((await view()).registry.state).toBe('ok');
  await version('2', ({ stage }) => stage === 'Staging', 'is in staging');
});

it('an approved candidate becomes the control and the champion, and a rollback takes seconds', async () => {
  await expect(services.ask('POST', `/models/${MODEL}/approve`, { version: '2' })).rejects.toThrow('409');
  await alias('candidate', '2');
  const { failed } = await underTraffic(async () => {
    const asked = { version: '2', policy: POLICY };
    const { id } = await services.ask<Rollout>('POST', `/models/${MODEL}/approve`, asked);
    await eventually(
      async () => (await services.ask<Rollout>('GET', `/rollouts/${id}`)).state.kind === 'promoted',
      {
        what: 'the promotion',
        withinMs: 60_000,
      },
    );
    await version(
      '2',
      ({ aliases }) => aliases.includes('champion') && !aliases.includes('candidate'),
      'is champion',
    );
  });
  expect(failed).toBe(0);
  expect(await rollBack('Rollback to the control before', '2', {})).toMatchObject({ from: '2', to: '1' });
  await version(
    '2',
    ({ stage, role }) => stage === 'Archived' && role === 'loaded',
    'is archived, and still loaded',
  );
});

it('a version is unloaded once its alias has gone', async () => {
  await alias('staging', '3');
  await version('3', isLoaded, 'is loaded');
  await withoutAlias('staging');
  await version('3', ({ role, stage }) => role === null && stage === 'None', 'is not loaded');
});

it('without MLflow the service goes on, and goes back to a version that has to be loaded', async () => {
  await services.mlflow.close();
  await eventually(async () => (await view()).registry.state === 'unreachable', {
    what: 'a registry that is away',
    withinMs: 30_000,
  });
  const { models, registry } = await view();
  expect(registry.detail).toContain('MLflow');
  expect(models[0]?.versions.map((one) => one.version)).toEqual(['3', '2', '1']);
  const answer = await rollBack('Rollback to an unloaded version, without MLflow', '1', { to: '3' });
  expect(answer).toMatchObject({ from: '1', to: '3' });
});
