import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testConfig } from '@headgate/testkit/config';
import { tempDir } from '@headgate/testkit/folders';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { ConfigMapServer } from '../testing/config-map-server.ts';
import { type FollowedRouting, followRouting, type RoutingReport } from './follow-routing.ts';

const SEED = new URL('../../../config/routing.yaml', import.meta.url);

let dir: string;
let path: string;
let events: string[];
let source: FollowedRouting | undefined;

beforeEach(() => {
  dir = tempDir();
  path = join(dir, 'routing.yaml');
  events = [];
  source = undefined;
  copyFileSync(SEED, path);
});

afterEach(() => source?.stop());

async function start(settings = {}, connect?: () => Promise<KubernetesApi>): Promise<void> {
  const report: RoutingReport = {
    accepted: (routing) => events.push(`accepted ${Object.keys(routing.models)}`),
    refused: ({ issues }) => events.push(`refused ${issues.join('; ')}`),
    lost: () => events.push('lost'),
    found: () => events.push('found'),
  };
  const config = testConfig({ HEADGATE_ROUTING_FILE: path, ...settings });
  source = await followRouting({ config, root: dir, env: {}, report, ...(connect && { connect }) });
}

const weights = () =>
  source?.current().models['efficientnet-lite0']?.experiment.variants.map((v) => v.weight);

describe('the routing table of a file', () => {
  const edit = (from: string | RegExp, to: string) =>
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(from, to));

  it('is there at once, without a report', async () => {
    await start();
    expect(events).toEqual([]);
    expect(weights()).toEqual([90, 10]);
    expect(source?.ageMs()).toBe(0);
  });

  it('is in force as soon as it is edited', async () => {
    await start();
    edit(/weight: (90|10)/g, 'weight: 50');
    await expect.poll(weights).toEqual([50, 50]);
  });

  it('is refused as a whole where it is bad, which says every problem, and keeps the last good one', async () => {
    await start();
    const good = readFileSync(path, 'utf8');
    edit(/version: "2", weight: 10/g, 'version: "3", weight: 20');
    await expect.poll(() => events).toHaveLength(1);
    expect(events[0]).toContain('variants: expected weights that sum to 100, not 110');
    expect(events[0]).toContain('variants.1.version: expected one of the served versions (1, 2)');
    expect(weights()).toEqual([90, 10]);
    writeFileSync(path, good);
    await expect.poll(() => events).toHaveLength(2);
  });

  it.each([
    ['missing', () => rmSync(path), /cannot be read/],
    ['empty', () => writeFileSync(path, ''), /\(document\)/],
    ['not YAML', () => writeFileSync(path, '{ schema: ['), /line 1, column 12: not valid YAML/],
    ['a log file', () => writeFileSync(path, 'x'.repeat(300_000)), /larger than 262144 bytes/],
  ])('stops the start where it is %s', async (_, spoil, message) => {
    spoil();
    await expect(start()).rejects.toThrow(message);
    expect(events).toEqual([]);
  });
});

describe('the routing table of a ConfigMap', () => {
  const OF_MAP = { HEADGATE_ROUTING_CONFIG_MAP: 'headgate-routing' };
  const seed = readFileSync(SEED, 'utf8');
  const half = seed.replaceAll(/weight: (90|10)/g, 'weight: 50');

  it('is the one of the ConfigMap, live, and not that of the mounted copy', async () => {
    const server = new ConfigMapServer(new ManualClock(), half);
    await start(OF_MAP, async () => server);
    expect(weights()).toEqual([50, 50]);
    server.edit(seed);
    await expect.poll(() => events).toEqual(['accepted efficientnet-lite0']);
    expect(weights()).toEqual([90, 10]);
    server.edit(seed.replaceAll('weight: 10', 'weight: 11'));
    await expect.poll(() => events[1]).toContain('expected weights that sum to 100');
    expect(weights()).toEqual([90, 10]);
  });

  it('is the mounted copy while the API server is away', async () => {
    const server = new ConfigMapServer(new ManualClock(), half);
    server.fail(undefined);
    await start(OF_MAP, async () => server);
    expect(weights()).toEqual([90, 10]);
    await expect.poll(() => events).toEqual(['lost']);
  });

  it('stops the start outside a cluster', async () => {
    await expect(start(OF_MAP)).rejects.toThrow(/^routing_config_map names a ConfigMap. .*run this in a pod/);
  });
});
