import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { HEADER } from '@headgate/contracts/names';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import { httpClient } from '@headgate/testkit/http';
import { Registry } from 'prom-client';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { controlSink } from '../../gateway/src/store/sinks.ts';
import { createInternalServer } from './internal-server.ts';

const SECRET = 'a1'.repeat(32);
const secret: InternalSecret = {
  header: { [HEADER.internalSecret]: SECRET },
  accepts: (shown) => shown === SECRET,
};
const INTERNAL = ['/internal/records', '/internal/judged', '/internal/audit', '/internal/none'];
const OPEN = ['/livez', '/metrics'];

let delivered: number;
beforeEach(() => {
  delivered = 0;
});

async function serve(with_: InternalSecret | undefined) {
  const server = createInternalServer({
    sink: {
      deliver: async () => {
        delivered += 1;
      },
    },
    registry: new Registry(),
    secret: with_,
    logger: { error: () => undefined },
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = httpClient(url);
  onTestFinished(async () => {
    await client.close();
    server.close();
  });
  const deliver = async (headers: Record<string, string>, path = '/internal/records') => {
    const json = { 'content-type': 'application/json', ...headers };
    return (await client.send({ path, headers: json, body: '{"records":[]}' })).status;
  };
  const get = async (path: string, headers: Record<string, string> = {}) =>
    (await client.send({ method: 'GET', path, headers })).status;
  return { url, deliver, get };
}

it('serves callers that show the secret under any Host, and answers liveness checks of all callers', async () => {
  const { url, deliver, get } = await serve(secret);
  await controlSink(url, secret).deliver([], new AbortController().signal);
  expect(await deliver({ ...secret.header, host: 'control.acme.example' })).toBe(204);
  expect(delivered).toBe(2);
  for (const path of OPEN) expect([204, 200]).toContain(await get(path));
});

it.each(INTERNAL)('says 401 to strangers, before it reads: %s', async (path) => {
  const { deliver, get } = await serve(secret);
  for (const shown of [
    {},
    { [HEADER.internalSecret]: '' },
    { [HEADER.internalSecret]: `${SECRET}, ${SECRET}` },
  ]) {
    expect([await deliver(shown, path), await get(path, shown)]).toEqual([401, 401]);
  }
  expect(delivered).toBe(0);
});

it.each([
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { origin: 'http://127.0.0.1:8447' },
  { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
  { 'sec-fetch-site': 'none' },
])('refuses what a browser sends, with the secret or without: %j', async (mark) => {
  for (const known of [secret, undefined]) {
    const { deliver, get } = await serve(known);
    for (const path of INTERNAL) expect(await deliver({ ...secret.header, ...mark }, path)).toBe(403);
    for (const path of OPEN) expect(await get(path, mark)).toBe(403);
  }
  expect(delivered).toBe(0);
});

it.each(['evil.example', 'localhost.evil.example:8447'])(
  'refuses strangers under the name %s',
  async (host) => {
    for (const known of [secret, undefined]) {
      const { deliver, get } = await serve(known);
      expect(await deliver({ host })).toBe(403);
      for (const path of OPEN) expect(await get(path, { host })).toBe(403);
    }
    expect(delivered).toBe(0);
  },
);
