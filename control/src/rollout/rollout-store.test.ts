import { join } from 'node:path';
import type { Routing } from '@headgate/contracts/routing';
import { type KubernetesApi, KubernetesError } from '@headgate/runtime/kubernetes/api';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it } from 'vitest';
import { policyOf } from '../testing/rollout-bench.ts';
import { begun } from './actions.ts';
import { configMapRollouts } from './config-map-rollouts.ts';
import { fileRollouts } from './file-rollouts.ts';
import { MAX_ROLLOUTS, type RolloutStore } from './rollout-store.ts';
import { toRolledBack } from './transitions.ts';

/** One ConfigMap, as an API server keeps it. */
function apiServer() {
  let map: { metadata: { name: string; resourceVersion: string }; data: Record<string, string> } | undefined;
  const refuse = (status: number) => new KubernetesError('call', `${status}`, { status });
  const call: KubernetesApi['call'] = async (method, _path, { body } = {}) => {
    const sent = body as typeof map;
    if (method === 'GET' && !map) throw refuse(404);
    if (method === 'POST' && map) throw refuse(409);
    if (method === 'PUT' && sent?.metadata.resourceVersion !== map?.metadata.resourceVersion)
      throw refuse(409);
    if (method === 'GET') return structuredClone(map);
    const version = `${Number(map?.metadata.resourceVersion ?? 0) + 1}`;
    map = { metadata: { name: 'headgate-rollouts', resourceVersion: version }, data: { ...sent?.data } };
    return structuredClone(map);
  };
  const put = (key: string, text: string) => {
    if (map) map.data[key] = text;
  };
  return { namespace: 'shop', call, put };
}

interface Place {
  /** Another process over the same place. */
  open(): RolloutStore;
  put(key: string, text: string): void;
}

let broken: string[];

const places: Record<string, () => Place> = {
  folder() {
    const dir = tempDir();
    return {
      open: () =>
        fileRollouts(
          dir,
          () => false,
          (file) => broken.push(file),
        ),
      put: (key, text) => writeText(join(dir, key), text),
    };
  },
  ConfigMap() {
    const api = apiServer();
    return {
      open: () => configMapRollouts(api, 'headgate-rollouts', (key) => broken.push(key)),
      put: api.put,
    };
  },
};

const rolloutAt = (atMs: number) => {
  const experiment = { name: 'e', salt: 's', variants: [{ name: 'a', version: '1', weight: 100 }] };
  const routing: Routing = {
    schema: 1,
    default_model: 'm',
    models: { m: { versions: ['1'], experiment } },
  };
  const inForce = { revision: 'r', changedAtMs: null, changedBy: null };
  const about = { ...inForce, inForce, source: 'file', refused: [] } as const;
  const start = {
    model: 'm',
    version: '2',
    versions: undefined,
    policy: policyOf([100]),
    by: 'key:k1',
    atMs,
  };
  return begun({ ...about, routing }, start);
};

describe.each(Object.keys(places))('rollouts in a %s', (kind) => {
  let place: Place;

  beforeEach(() => {
    broken = [];
    place = (places[kind] as () => Place)();
  });

  it('are what was saved, for another process too', async () => {
    const rollout = rolloutAt(1);
    expect(await place.open().list()).toEqual([]);
    await place.open().save(rollout, undefined);
    expect((await place.open().list()).map((stored) => stored.rollout)).toEqual([rollout]);
  });

  it('refuse a change of what another process has changed', async () => {
    const first = await place.open().save(rolloutAt(1), undefined);
    const ended = toRolledBack(first.rollout, { by: 'key:k1', why: 'why', atMs: 2 });
    await place.open().save(ended, first.version);
    const late = place.open().save({ ...first.rollout, weight: 5 }, first.version);
    await expect(late).rejects.toMatchObject({ reason: 'conflict' });
    await expect(place.open().save(first.rollout, undefined)).rejects.toMatchObject({ reason: 'conflict' });
    expect((await place.open().list())[0]?.rollout).toEqual(ended);
  });

  it('pass over what is no rollout, and say so', async () => {
    await place.open().save(rolloutAt(1), undefined);
    place.put('other.json', '{"schema":2}');
    const store = place.open();
    expect(await store.list()).toHaveLength(1);
    expect(await store.list()).toHaveLength(1);
    expect(broken).toEqual(['other.json']);
  });
});

it('a process that takes a folder over sees what the one before wrote last, as after each conflict', async () => {
  const dir = tempDir();
  let isOwner = false;
  const open = (owns: () => boolean) => fileRollouts(dir, owns, () => undefined);
  const [before, after] = [open(() => true), open(() => isOwner)];
  const first = await before.save(rolloutAt(1), undefined);
  expect(await after.list()).toEqual([first]);
  const second = await before.save({ ...first.rollout, weight: 5 }, first.version);
  isOwner = true;
  expect(await after.list()).toEqual([second]);
  const third = await before.save({ ...first.rollout, weight: 6 }, second.version);
  await expect(after.save(first.rollout, second.version)).rejects.toMatchObject({ reason: 'conflict' });
  expect(await after.list()).toEqual([third]);
});

it('a folder keeps the newest fifty that are over, and each that is not', async () => {
  const store = places.folder?.().open();
  const active = rolloutAt(0);
  await store?.save(active, undefined);
  for (let atMs = 1; atMs <= MAX_ROLLOUTS + 3; atMs += 1) {
    const over = toRolledBack(rolloutAt(atMs), { by: 'key:k1', why: 'why', atMs });
    await store?.save({ ...over, id: `over-${atMs}` }, undefined);
  }
  const ids = (await store?.list())?.map(({ rollout }) => rollout.id) ?? [];
  expect(ids).toHaveLength(MAX_ROLLOUTS);
  expect(ids).toContain(active.id);
  expect(ids).not.toContain('over-1');
  expect(ids).toContain(`over-${MAX_ROLLOUTS + 3}`);
});
