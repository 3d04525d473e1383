import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEADER, portOf } from '@headgate/contracts/names';
import { freePortBase } from '@headgate/testkit/ports';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { echoOf, http, http2, https } from './support/client.ts';
import { TestEnvoy } from './support/envoy.ts';
import { Upstream } from './support/upstream.ts';

const SECRET = 'c3'.repeat(32);
const dir = mkdtempSync(join(tmpdir(), 'headgate-secret-'));
let envoy: TestEnvoy;
let upstream: Upstream;

beforeAll(async () => {
  const file = join(dir, 'secret');
  writeFileSync(file, `${SECRET}\n${'d4'.repeat(32)}\n`);
  const portBase = await freePortBase();
  envoy = await TestEnvoy.start({
    HEADGATE_LISTEN__PORT_BASE: String(portBase),
    HEADGATE_LISTEN__INTERNAL_SECRET_FILE: file,
    // The most that Envoy ever logs.
    HEADGATE_TELEMETRY__LOG_LEVEL: 'trace',
    // The server that takes the gateway's place is the ACME client too.
    HEADGATE_ENVOY__ACME_CHALLENGE_TARGET: `127.0.0.1:${portOf(portBase, 'gateway')}`,
  });
  upstream = await Upstream.listen(envoy);
});
afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  await envoy[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

it.each([{}, { [HEADER.internalSecret]: 'forged' }, { [HEADER.internalSecret]: SECRET }])(
  'the gateway gets the first line, once, whatever a client sends: %j',
  async (headers) => {
    for (const call of [https, http2]) {
      const answer = await call(envoy, { path: '/asked', headers });
      expect(echoOf(answer).headers[HEADER.internalSecret]).toBe(SECRET);
      expect(JSON.stringify(answer.headers)).not.toContain(SECRET);
    }
    const entry = await envoy.accessEntry(({ path }) => path === '/asked');
    expect(JSON.stringify(entry)).not.toContain(SECRET);
  },
);

it('an ACME client gets none, nor that of a client', async () => {
  const path = '/.well-known/acme-challenge/token';
  for (const headers of [{}, { [HEADER.internalSecret]: SECRET }]) {
    const answer = await http(envoy.redirectPort, { path, headers: { host: 'localhost', ...headers } });
    expect(echoOf(answer).headers[HEADER.internalSecret]).toBeUndefined();
  }
});

it('no log has it, nor the key of a client', async () => {
  const key = 'hg_client1_0123456789';
  for (const call of [https, http2])
    await call(envoy, { path: '/logged', headers: { [HEADER.apiKey]: key } });
  await envoy.accessEntry(({ path }) => path === '/logged');
  expect(envoy.output).toContain('"level":"debug"');
  for (const text of [SECRET, key]) expect(envoy.output).not.toContain(text);
});
