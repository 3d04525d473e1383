import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { PORT_OFFSET } from '@headgate/contracts/names';
import { tempDir } from '@headgate/testkit/folders';
import { freePortBase } from '@headgate/testkit/ports';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { headgate } from '../../testing/command-line.ts';
import { fakeControl } from '../../testing/fake-control.ts';
import { ROUTING } from '../../testing/views.ts';
import { nodeVersion } from './checks.ts';

interface Finding {
  readonly state: string;
  readonly detail: string;
  readonly remedy: string;
}

interface Machine {
  readonly routing?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly fetch?: typeof fetch;
  /** Status of each page of a gateway that runs. */
  readonly gateway?: Readonly<Record<string, number>>;
  readonly listens?: readonly (keyof typeof PORT_OFFSET)[];
}

/** An installation of its own. @returns what doctor finds, by name */
async function doctor({ routing = stringify(ROUTING.routing), env, fetch, gateway, listens = [] }: Machine) {
  const dir = tempDir({ 'routing.yaml': routing });
  const portBase = await freePortBase();
  for (const listener of listens) {
    const server = createServer().listen(portBase + PORT_OFFSET[listener], '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
  }
  if (gateway) {
    const server = createHttpServer(({ url = '' }, response) =>
      response.writeHead(gateway[url] ?? 404).end(),
    );
    server.listen(portBase + PORT_OFFSET.gatewayInternal, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
  }
  const { code, out, err } = await headgate(['doctor', '--json'], {
    env: {
      HEADGATE_ROUTING_FILE: join(dir, 'routing.yaml'),
      HEADGATE_LISTEN__PORT_BASE: String(portBase),
      ...env,
    },
    ...(fetch && { fetch }),
  });
  const { dependencies } = JSON.parse(out);
  const found: Record<string, Finding> = Object.fromEntries(
    dependencies.map((one: { name: string }) => [one.name, one]),
  );
  return { code, err, portBase, found, order: Object.keys(found) };
}

const PARTS = [
  'https',
  'gateway',
  'gatewayInternal',
  'inferenceGrpc',
  'inferenceInternal',
  'control',
] as const;

describe('headgate doctor', () => {
  it('finds an installation in order, with what control sees', async () => {
    const redis = { name: 'redis', state: 'degraded', detail: 'slow', remedy: 'look', checked_at_ms: 0 };
    const { fetch } = fakeControl({ 'GET /dependencies': { dependencies: [redis] } });
    const { code, found, order } = await doctor({ fetch, listens: PARTS });
    expect(code).toBe(9);
    expect(order).toEqual(['node', 'configuration', 'internal secret', 'ports', 'control', 'redis']);
    expect(found).toMatchObject({
      ports: { state: 'ok' },
      control: { state: 'ok' },
      redis: { state: 'degraded', remedy: 'look' },
    });
  });

  it('works while nothing runs, and says how to start it', async () => {
    const { code, found, err, portBase } = await doctor({});
    expect(code).toBe(7);
    expect(found.ports).toMatchObject({ state: 'down', remedy: expect.stringContaining('npm start') });
    expect(found.ports?.detail).toContain(`${portBase + 7} (control)`);
    expect(found.control).toMatchObject({ state: 'down', remedy: expect.stringMatching(/control\.log/) });
    expect(found.control?.remedy).not.toMatch(/headgate/);
    expect(JSON.parse(err).error).toMatchObject({ code: 'down' });
  });

  it('looks at the other parts itself while control is away', async () => {
    const { found, order } = await doctor({ gateway: { '/readyz': 503, '/metrics': 200 } });
    expect(found).toMatchObject({
      gateway: { state: 'down', detail: expect.stringContaining('0 of 1 ready') },
      inference: { state: 'down', detail: expect.stringContaining('does not answer') },
      'routing table': { state: 'ok', detail: expect.stringContaining('file, revision') },
      'records delivery': { state: 'ok' },
      'records store': { state: 'degraded', detail: 'unknown, because control does not answer' },
    });
    expect(new Set(order).size).toBe(order.length);
    for (const one of Object.values(found)) {
      if (one.state === 'down' || one.state === 'degraded') expect(one.remedy).not.toBe('');
    }
  });

  it('looks for no other part in a pod of a cluster', async () => {
    const { found } = await doctor({ env: { HEADGATE_ROUTING_CONFIG_MAP: 'headgate-routing' } });
    expect(found.ports?.state).toBe('off');
  });

  it('names the part that is missing among those that run', async () => {
    const { found } = await doctor({ listens: PARTS.filter((part) => part !== 'inferenceGrpc') });
    expect(found.ports?.detail).toMatch(/^nothing listens on \d+ \(inferenceGrpc\)$/);
  });

  it.each([
    ['models: [', /line/],
    ['schema: 1\ndefault_model: m\nmodels: {}\n', /default_model: expected the name/],
  ])('says what is wrong with the routing table: %j', async (routing, problem) => {
    const { code, found } = await doctor({ routing });
    expect(code).toBe(7);
    expect(found['routing table']).toMatchObject({ state: 'down', detail: expect.stringMatching(problem) });
  });

  it('names a secret that cannot be read, before the control that it locks out', async () => {
    const env = { HEADGATE_LISTEN__INTERNAL_SECRET_FILE: '/nowhere/secret' };
    const { code, found, order } = await doctor({ env });
    expect(code).toBe(7);
    expect(found['internal secret']).toMatchObject({ state: 'down' });
    expect(order.indexOf('internal secret')).toBeLessThan(order.indexOf('control'));
  });

  it('stops at a configuration that is not valid, and never prints the value', async () => {
    const { code, found, order } = await doctor({ env: { HEADGATE_GATEWAY__DRAIN__DELAY_MS: 'hunter2' } });
    expect([code, order]).toEqual([7, ['node', 'configuration']]);
    expect(found.configuration?.detail).toContain('valid: HEADGATE_GATEWAY__DRAIN__DELAY_MS: expected');
    expect(found.configuration?.detail).not.toContain('hunter2');
  });
});

it('an old Node is named', () => {
  expect(nodeVersion('20.1.0')).toMatchObject({ state: 'down', remedy: expect.stringContaining('npm ci') });
  expect(nodeVersion(process.versions.node).state).toBe('ok');
});
