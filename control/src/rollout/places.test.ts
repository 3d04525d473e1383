import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigMapServer } from '@headgate/runtime/testing/config-map-server';
import { testConfig } from '@headgate/testkit/config';
import { tempDir } from '@headgate/testkit/folders';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { openPlaces, type Places } from './places.ts';

const SEED = new URL('../../../config/routing.yaml', import.meta.url);

let root: string;
let noted: unknown[];
let clock: ManualClock;

beforeEach(() => {
  root = tempDir();
  noted = [];
  clock = new ManualClock();
});

function open(
  settings: Record<string, string>,
  rest: { api?: ConfigMapServer; isLeader?: () => boolean; leader?: string } = {},
): Places {
  return openPlaces(testConfig(settings), {
    root,
    logger: pino({ enabled: false }),
    changes: {
      must: async () => undefined,
      note: (action, by, { why }, outcome) => void noted.push([action, by, outcome, why]),
    },
    clock,
    api: rest.api,
    cluster: { isLeader: rest.isLeader ?? (() => true), leader: () => rest.leader ?? '' },
  });
}

describe('on one host', () => {
  it('one process at a time runs the rollouts of a table, and another takes over', () => {
    const [first, second] = [
      open({ HEADGATE_ROUTING_FILE: 'a.yaml' }),
      open({ HEADGATE_ROUTING_FILE: 'a.yaml' }),
    ];
    expect(first.follows()).toBeNull();
    expect(second.follows()).toMatch(/^Another control process runs the rollouts of this routing table/);
    first.release();
    expect(second.follows()).toBeNull();
    second.release();
  });

  it('an edit by hand is on record once, and a write of ours is not', async () => {
    const path = join(root, 'routing.yaml');
    copyFileSync(SEED, path);
    const { routing } = open({ HEADGATE_ROUTING_FILE: path });
    await routing.refresh();
    await routing.write(routing.current().revision, (table) => ({ ...structuredClone(table) }), 'key:k1');
    await routing.refresh();
    expect(noted).toEqual([]);
    writeFileSync(path, `# edited\n${readFileSync(path, 'utf8')}`);
    await routing.refresh();
    await routing.refresh();
    writeFileSync(path, readFileSync(path, 'utf8').replace('weight: 10 ', 'weight: 11 '));
    await routing.refresh();
    const edit = ['routing.edit', expect.stringMatching(/^user:/)];
    expect(noted).toEqual([
      [...edit, 'accepted', undefined],
      [...edit, 'refused', expect.stringContaining('100')],
    ]);
  });
});

describe('in a cluster', () => {
  const settings = { HEADGATE_ROUTING_CONFIG_MAP: 'shop-routing' };
  let api: ConfigMapServer;

  beforeEach(() => {
    api = new ConfigMapServer(clock, readFileSync(SEED, 'utf8'));
  });

  it('the leader runs the rollouts, and the table is that of the ConfigMap', async () => {
    let leads = false;
    const places = open(settings, { api, isLeader: () => leads });
    await places.routing.refresh();
    expect(places.routing.current()).toMatchObject({ source: 'config_map', revision: '0' });
    expect(places.follows()).toMatch(/^No control process leads now/);
    leads = true;
    expect(places.follows()).toBeNull();
  });

  it('another pod names the one that leads, and how to reach it', () => {
    const { follows } = open(settings, { api, isLeader: () => false, leader: 'control-b' });
    expect(follows()).toContain('kubectl -n shop port-forward pod/control-b 8447');
  });

  it('an edit by hand is on record once, and what any pod wrote is none', async () => {
    const leader = open(settings, { api }).routing;
    const other = open(settings, { api, isLeader: () => false, leader: 'control-a' }).routing;
    const refresh = () => Promise.all([leader.refresh(), other.refresh()]);
    await refresh();
    for (const pod of [leader, other]) {
      await pod.write(pod.current().revision, (table) => structuredClone(table), 'key:k1');
      await refresh();
    }
    expect(noted).toEqual([]);
    api.edit(`# edited\n${api.text}`);
    await refresh();
    expect(noted).toEqual([['routing.edit', 'manager:kubectl-edit', 'accepted', undefined]]);
  });
  it('an edit while no pod leads is on record once one does, and an older one is not', async () => {
    let leads = false;
    const { routing, follows } = open(settings, { api, isLeader: () => leads });
    await routing.refresh();
    const edit = async (line: string) => {
      api.edit(`# ${line}\n${api.text}`);
      await routing.refresh();
      follows();
      expect(noted).toEqual([]);
    };
    await edit('recorded by another leader');
    clock.advance(60_000);
    leads = true;
    follows();
    leads = false;
    await edit('recorded by nobody');
    clock.advance(17_000);
    leads = true;
    follows();
    follows();
    expect(noted).toEqual([['routing.edit', 'manager:kubectl-edit', 'accepted', undefined]]);
  });
});
