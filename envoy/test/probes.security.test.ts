import { statSync } from 'node:fs';
import { portOf } from '@headgate/contracts/names';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { http } from './support/client.ts';
import { TestEnvoy } from './support/envoy.ts';

let envoy: TestEnvoy;
beforeAll(async () => {
  envoy = await TestEnvoy.start();
});
afterAll(() => envoy[Symbol.asyncDispose]());

const ask = (path: string, method = 'GET', headers: Record<string, string> = {}) =>
  http(portOf(envoy.config.listen.port_base, 'envoyInternal'), { path, method, headers });

describe('the port for probes', () => {
  it.each([
    '127.0.0.1:8448',
    'localhost',
    '[::1]:8448',
    'headgate-envoy:8448',
    'envoy.headgate.svc.cluster.local',
  ])('answers to the name %s', async (host) => {
    expect((await ask('/ready', 'GET', { host })).body).toBe('LIVE\n');
    expect((await ask('/stats/prometheus?usedonly', 'GET', { host })).body).toContain('envoy_server_live');
  });

  it.each(['evil.example', '127.0.0.1.evil.example:8448', 'svc.evil.example'])(
    'is not there for %s',
    async (host) => {
      for (const path of ['/ready', '/stats/prometheus']) {
        expect((await ask(path, 'GET', { host })).status).toBe(404);
      }
    },
  );

  const PAGES = [
    '/',
    '/config_dump',
    '/stats',
    '/server_info',
    '/certs',
    '/clusters',
    '/logging',
    '/memory',
    '/help',
  ];
  const TRICKS = [
    '/ready/',
    '/ready/x',
    '/ready/../config_dump',
    '//config_dump',
    '/stats/prometheus/..',
    '/READY',
  ];
  it.each([...PAGES, ...TRICKS, '/quitquitquit', '/drain_listeners'])('has no page %s', async (path) => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
      expect([method, (await ask(path, method)).status]).toEqual([method, 404]);
    }
  });

  it.each(['/quitquitquit', '/healthcheck/fail', '/drain_listeners', '/logging?level=trace', '/ready'])(
    'takes no POST to %s, from a page of the web either',
    async (path) => {
      for (const headers of [{}, { origin: 'https://evil.example' }, { 'x-envoy-original-path': '/ready' }]) {
        expect((await ask(path, 'POST', headers)).status).toBe(404);
      }
      expect((await ask('/ready')).status).toBe(200);
    },
  );
});

it('only the user of Envoy may open the admin page', async () => {
  expect(statSync(envoy.adminSocket).mode & 0o777).toBe(0o600);
  expect((await envoy.admin('/config_dump')).status).toBe(200);
});
