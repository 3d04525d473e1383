import { once } from 'node:events';
import { createServer } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import type { Config } from '@headgate/contracts/config/schema';
import { portOf } from '@headgate/contracts/names';
import { inClusterApi } from '@headgate/runtime/kubernetes/api';
import { createLogger } from '@headgate/runtime/logger';
import { testConfig } from '@headgate/testkit/config';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { freePortBase } from '@headgate/testkit/ports';
import { startApiServer } from '@headgate/testkit/services/kubernetes-api';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { createAuthority } from '../../../scripts/setup/certificates.ts';
import { scrapesOf } from './scrapes-of.ts';
import { type ClusterSurroundings, startCluster } from './start-cluster.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const startOn = (config: Config, surroundings: Omit<ClusterSurroundings, 'scrapes'>) =>
  startCluster(config, { ...surroundings, scrapes: scrapesOf(config) });
const around = () => ({ env: {}, root: tempDir(), logger, registry: new Registry() });

async function servePage(port: number, page: () => string): Promise<void> {
  const server = createServer((_, response) => response.end(page()));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
}

async function writeCertificate(root: string) {
  const authority = await createAuthority('external metrics');
  const { certificate, key } = await authority.issue('headgate-control.shop.svc', 'server');
  writeText(join(root, 'tls/tls.crt'), certificate);
  writeText(join(root, 'tls/tls.key'), key);
  return authority;
}

/** Control with a serverless model, for which a request waits at the gateway. */
async function controlOf(server: Awaited<ReturnType<typeof startApiServer>>) {
  const portBase = await freePortBase();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const api = await inClusterApi(server.env, server.dir);
  await servePage(portOf(portBase, 'gatewayInternal'), () => 'headgate_parked_requests{model="big"} 1\n');
  const config = testConfig({
    HEADGATE_LISTEN__PORT_BASE: String(portBase),
    HEADGATE_CONTROL__LEASE: 'headgate-control',
    HEADGATE_SERVERLESS: JSON.stringify({ big: { deployment: 'headgate-inference-big' } }),
  });
  const surroundings = { ...around(), api };
  return { cluster: await startOn(config, surroundings), registry: surroundings.registry };
}

it('leads, and starts a pod of a serverless model for a request that waits at a gateway', async () => {
  let replicas = 0;
  const server = await startApiServer(({ method, path, body }, response) => {
    if (path.endsWith('/scale')) {
      if (method === 'PATCH') replicas = (body as { spec: { replicas: number } }).spec.replicas;
      response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, spec: { replicas } }));
    } else if (method === 'GET') response.writeHead(404).end('{}');
    else response.end(JSON.stringify(body));
  });
  const { cluster, registry } = await controlOf(server);
  await expect.poll(() => replicas, { timeout: 10_000 }).toBe(1);
  const page = await registry.metrics();
  expect(page).toContain('headgate_control_leader 1\n');
  expect(page).toContain('headgate_pool_scalings_total{model="big",direction="up"} 1\n');
  await cluster.stop();
  expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toContain(
    'PATCH /apis/apps/v1/namespaces/shop/deployments/headgate-inference-big/scale',
  );
});

it('keeps the Lease until the round that scales has ended', async () => {
  let lease: unknown;
  const order: string[] = [];
  let onPatch = () => {};
  const patched = new Promise<void>((resolve) => {
    onPatch = resolve;
  });
  const server = await startApiServer(({ method, path, body }, response) => {
    const answer = (value: unknown) => response.end(JSON.stringify(value));
    const scale = { metadata: { resourceVersion: '1' }, spec: { replicas: 0 } };
    if (path.endsWith('/scale') && method === 'PATCH') {
      onPatch();
      setTimeout(() => {
        order.push('scaled');
        answer(scale);
      }, 500);
    } else if (path.endsWith('/scale')) answer(scale);
    else if (method === 'GET' && lease === undefined) response.writeHead(404).end('{}');
    else {
      lease = body ?? lease;
      const { spec } = lease as { spec: { holderIdentity: string } };
      if (spec.holderIdentity === '') order.push('released');
      answer(lease);
    }
  });
  const { cluster } = await controlOf(server);
  await patched;
  await cluster.stop();
  expect(order).toEqual(['scaled', 'released']);
});

it('reads no pages for a leader that scales nothing, and those of inference alone for autoscalers', async () => {
  const portBase = await freePortBase();
  const server = await startApiServer(({ method, body }, response) => {
    if (method === 'GET') response.writeHead(404).end('{}');
    else response.end(JSON.stringify(body));
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const read: string[] = [];
  for (const part of ['gatewayInternal', 'inferenceInternal'] as const)
    await servePage(portOf(portBase, part), () => {
      read.push(part);
      return '';
    });
  const start = async (settings: Record<string, string>) => {
    const api = await inClusterApi(server.env, server.dir);
    const surroundings = { ...around(), api };
    await writeCertificate(surroundings.root);
    const all = { ...settings, HEADGATE_LISTEN__PORT_BASE: String(portBase) };
    const cluster = await startOn(testConfig(all), surroundings);
    onTestFinished(() => cluster.stop());
    return surroundings.registry;
  };
  const registry = await start({ HEADGATE_CONTROL__LEASE: 'headgate-control' });
  await expect.poll(() => registry.metrics(), { timeout: 10_000 }).toContain('headgate_control_leader 1\n');
  await start({ HEADGATE_CONTROL__METRICS_TLS_DIR: 'tls' });
  // A second round of the one that reads: the leader had time for its own.
  await expect.poll(() => read.length, { timeout: 10_000 }).toBeGreaterThan(1);
  expect(new Set(read)).toEqual(new Set(['inferenceInternal']));
});

it('answers the metrics of autoscalers over HTTPS, without a cluster', async () => {
  const portBase = await freePortBase();
  const surroundings = around();
  const authority = await writeCertificate(surroundings.root);
  let items = 0;
  await servePage(portOf(portBase, 'inferenceInternal'), () => {
    items += 10;
    const labels = '{model="big",version="1",stage="queue"}';
    const name = 'headgate_inference_stage_duration_seconds';
    return `${name}_sum${labels} ${items / 50}\n${name}_count${labels} ${items}\n`;
  });
  const settings = { HEADGATE_LISTEN__PORT_BASE: String(portBase), HEADGATE_CONTROL__METRICS_TLS_DIR: 'tls' };
  const cluster = await startOn(testConfig(settings), surroundings);
  onTestFinished(() => cluster.stop());
  const ask = async () => {
    const asked = request({
      ...{ host: '127.0.0.1', port: portOf(portBase, 'externalMetrics') },
      ...{ servername: 'headgate-control.shop.svc', ca: authority.certificate },
      path: '/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/headgate_queue_seconds',
    }).end();
    const [response] = await once(asked, 'response');
    return json(response);
  };
  await expect.poll(ask, { timeout: 10_000 }).toMatchObject({ items: [{ value: '20m' }] });
});

it('does nothing where the configuration asks for nothing, and refuses to lead outside a cluster', async () => {
  const surroundings = around();
  await (await startOn(testConfig(), surroundings)).stop();
  expect(await surroundings.registry.metrics()).not.toContain('leader');
  const config = testConfig({ HEADGATE_CONTROL__LEASE: 'headgate-control' });
  await expect(startOn(config, surroundings)).rejects.toThrow(/control\.lease.*run this in a pod/);
});
