import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isMap, isScalar, type Pair, parseDocument } from 'yaml';
import { CHART, ENVIRONMENTS, find, helm, render, valuesOf } from './render.ts';

it.each(ENVIRONMENTS)('helm finds no fault in the chart with the values of %s', async (environment) => {
  const output = await helm(['lint', '--strict', CHART, '--namespace', 'shop', ...valuesOf(environment)]);
  expect(output).toContain('0 chart(s) failed');
});

describe('a wrong value is refused with its path', () => {
  const digest = { repository: 'headgate/gateway', digest: 'latest' };
  it.each([
    ['a misspelt name', { 'gateway.replica': 3 }, '/gateway', "additional properties 'replica'"],
    ['a text for a number', { 'gateway.replicas': '3' }, '/gateway/replicas', 'got string, want integer'],
    ['none of the words', { 'envoy.service.type': 'Node' }, '/envoy/service/type', 'must be one of'],
    ['an environment of its own', { environment: 'prod' }, '/environment', 'must be one of'],
    [
      'a digest that is none',
      { 'images.gateway': digest },
      '/images/gateway/digest',
      'does not match pattern',
    ],
    [
      'a setting in small letters',
      { settings: { headgate_x: '1' } },
      '/settings',
      "'headgate_x' not allowed",
    ],
    ['a setting that is no text', { settings: { HEADGATE_X: 1 } }, '/settings/HEADGATE_X', 'want string'],
    [
      'a network without a length',
      { 'networkPolicies.apiServer.cidrs': ['10.0.0.1'] },
      '/networkPolicies/apiServer/cidrs/0',
      'pattern',
    ],
    ['no port', { 'networkPolicies.redis.ports': [] }, '/networkPolicies/redis/ports', 'minItems'],
    [
      'an unknown key of a pool',
      { 'inference.pools.gpu.gpus': 1 },
      '/inference/pools/gpu',
      "'gpus' not allowed",
    ],
    [
      'a memory size that is none',
      { 'gateway.resources.limits.memory': '1 GB' },
      '/gateway/resources/limits/memory',
      'pattern',
    ],
    ['no name of the host in production', { 'envoy.serverNames': [] }, '/envoy/serverNames', 'minItems'],
    [
      'a secret without a name',
      { 'secrets.keys.existingSecret': '' },
      '/secrets/keys/existingSecret',
      'pattern',
    ],
  ])('%s', async (_what, settings, path, problem) => {
    const { stderr } = await render('production', settings).then(
      () => ({ stderr: 'rendered' }),
      (error: { stderr: string }) => error,
    );
    const line = stderr.split('\n').find((one) => one.includes(problem));
    expect(line ?? stderr).toContain(`at '${path}'`);
  });
});

it('refuses external metrics without the authority of their certificate', async () => {
  await expect(render('dev', { 'externalMetrics.enabled': true })).rejects.toThrow(
    'externalMetrics.caBundle: expected',
  );
});

it('refuses a public certificate without names', async () => {
  await expect(render('dev', { 'certManager.public.enabled': true })).rejects.toThrow(
    'envoy.serverNames: expected',
  );
});

it.each([
  ['settings.HEADGATE_RECORDS__SINK', { settings: { HEADGATE_RECORDS__SINK: 'none' } }],
  [
    'secretSettings.HEADGATE_RECORDS__POSTGRES_URL',
    { secretSettings: { HEADGATE_RECORDS__POSTGRES_URL: { secret: 'records', key: 'url' } } },
  ],
  ['inference.settings.HEADGATE_AUDIT__WRITER', { 'inference.settings': { HEADGATE_AUDIT__WRITER: 'a' } }],
  [
    'inference.pools.default.settings.HEADGATE_LISTEN__INTERNAL_HOST',
    { 'inference.pools.default.settings': { HEADGATE_LISTEN__INTERNAL_HOST: '0.0.0.0' } },
  ],
])('refuses %s, a variable of the chart', async (path, settings) => {
  await expect(render('production', settings)).rejects.toThrow(`${path}: the chart itself sets`);
});

describe('an image', () => {
  const imageOf = async (repository: string, registry: string) => {
    const image = { repository, digest: '', tag: '1.0' };
    const objects = await render('dev', { 'images.registry': registry, 'images.control': image });
    return find(objects, 'Deployment', 'headgate-control').spec.template.spec.containers[0].image;
  };

  it('without a host is in the registry, and never on Docker Hub', async () => {
    expect(await imageOf('acme/control', 'registry:5000')).toBe('registry:5000/acme/control:1.0');
    await expect(imageOf('acme/control', '')).rejects.toThrow('images.registry: expected');
  });

  it.each(['ghcr.io/acme/control', 'localhost:5000/control', 'localhost/control', 'registry:5000/control'])(
    '%s is taken as it is',
    async (repository) => {
      expect(await imageOf(repository, 'registry.acme.org')).toBe(`${repository}:1.0`);
    },
  );
});

it('explains each value, or the group that it belongs to', () => {
  const { contents } = parseDocument(readFileSync(join(CHART, 'values.yaml'), 'utf8'));
  const silent: string[] = [];
  const visit = (node: unknown, path: string, isExplained: boolean) => {
    if (!isMap(node)) return;
    let group = isExplained;
    for (const [index, pair] of (node.items as Pair[]).entries()) {
      const key = isScalar(pair.key) ? pair.key : undefined;
      const name = path === '' ? `${key?.value}` : `${path}.${key?.value}`;
      // The parser gives a comment above the first key to the map.
      const above = key?.commentBefore ?? (index === 0 ? node.commentBefore : undefined);
      const beside = (pair.value as { comment?: string } | null)?.comment;
      group = group || Boolean(above ?? beside);
      if (!group && !isMap(pair.value)) silent.push(name);
      visit(pair.value, name, group);
      if (path === '') group = false;
    }
  };
  visit(contents, '', false);
  expect(silent).toEqual([]);
});
