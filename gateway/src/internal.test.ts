import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parseRouting } from '@headgate/contracts/routing';
import { Counter, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createInternalApp, obstaclesOf } from './internal.ts';
import type { Readiness } from './upstream/inference.ts';

const SEED = new URL('../../config/routing.yaml', import.meta.url);
const routing = { current: () => parseRouting(parse(readFileSync(SEED, 'utf8'))) };
const served = (...versions: string[]) => ({
  isReady: (_model: string, version: string) => versions.includes(version),
});

const SCRIPT = 'document.title = 1;';
const docsScript = () => Promise.resolve(new Uint8Array(gzipSync(SCRIPT)));

function get(path: string, obstacles: string[] = [], init: RequestInit = {}): Promise<Response> {
  const registry = new Registry();
  new Counter({ name: 'a_total', help: 'a', registers: [registry] }).inc();
  return Promise.resolve(
    createInternalApp({ obstacles: () => obstacles, registry, docsScript }).request(path, init),
  );
}

describe('createInternalApp', () => {
  it('is live whatever else', async () => {
    expect((await get('/livez', ['not ready'])).status).toBe(200);
  });

  it('asks Envoy to prefer others while it is not ready', async () => {
    expect((await get('/livez')).headers.get('x-envoy-degraded')).toBeNull();
    expect((await get('/livez', ['the gateway is draining'])).headers.get('x-envoy-degraded')).toBe('1');
  });

  it('is ready when nothing stands in the way, and says what does', async () => {
    expect((await get('/readyz')).status).toBe(200);
    const refused = await get('/readyz', ['the gateway is draining']);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toEqual({ ready: false, reasons: ['the gateway is draining'] });
  });

  it('shows metrics as Prometheus reads them', async () => {
    const response = await get('/metrics');
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toContain('a_total 1');
  });

  it.each(['/livez', '/readyz', '/metrics', '/openapi.json', '/docs', '/docs/script.js'])(
    'shows nothing to a page that made its own name point here: %s',
    async (path) => {
      const rebound = await get(path, [], { headers: { host: 'evil.example:8442' } });
      expect([rebound.status, await rebound.text()]).toEqual([421, expect.stringContaining('IP address')]);
      expect((await get(path, [], { headers: { host: 'localhost:8442' } })).status).toBe(200);
      expect((await get(path, [], { method: 'POST' })).status).toBe(404);
    },
  );

  it('shows the documentation, whether or not it is public', async () => {
    expect(await (await get('/openapi.json')).json()).toMatchObject({ openapi: '3.1.0' });
    expect(await (await get('/docs')).text()).toContain('<html');
  });

  it('sends the script of the page as it is stored, and in clear to whoever reads no gzip', async () => {
    const accepts = (coding: string) =>
      get('/docs/script.js', [], { headers: { 'accept-encoding': coding } });
    const stored = await accepts('br, gzip');
    expect(stored.headers.get('content-encoding')).toBe('gzip');
    expect(gunzipSync(await stored.arrayBuffer()).toString()).toBe(SCRIPT);
    const clear = await accepts('identity');
    expect([clear.headers.get('content-encoding'), await clear.text()]).toEqual([null, SCRIPT]);
  });
});

describe('obstaclesOf', () => {
  const obstacles = (versions: Readiness, draining: boolean, serverless = false) =>
    obstaclesOf(routing, { readiness: versions, parking: { has: () => serverless } }, draining);

  it('finds none while the control of the default model is ready, with or without the treatment', () => {
    expect(obstacles(served('1', '2'), false)).toEqual([]);
    expect(obstacles(served('1'), false)).toEqual([]);
  });

  it('finds none while a serverless default model has no pod', () => {
    expect(obstacles(served(), false, true)).toEqual([]);
  });

  it('names every one', () => {
    expect(obstacles(served('2'), true)).toEqual([
      'the gateway is draining',
      'model efficientnet-lite0 version 1 is not ready',
    ]);
  });
});
