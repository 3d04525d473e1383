import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { ensureAnswers, pullSize } from './registry.ts';

const MANIFEST = { config: { size: 1 }, layers: [{ size: 20 }, { size: 300 }] };

/** A registry that shows one image to everybody, and those of a team after a login. */
async function registry(): Promise<string> {
  const server = createServer(({ url = '' }, response) => {
    if (url === '/v2/acme/shop/headgate/envoy/manifests/sha256:ab') response.end(JSON.stringify(MANIFEST));
    else response.writeHead(url === '/v2/' || url.startsWith('/v2/team/') ? 401 : 404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('asks the host, also where the registry has a path', async () => {
  const host = await registry();
  await ensureAnswers(`${host}/acme/shop`);
  expect(await pullSize(`${host}/acme/shop`, 'headgate/envoy', 'sha256:ab')).toBe(321);
});

it('tells a missing image from one that wants a login', async () => {
  const host = await registry();
  expect(await pullSize(host, 'headgate/envoy', 'sha256:ab')).toBe('missing');
  expect(await pullSize(`${host}/team`, 'headgate/envoy', 'sha256:ab')).toBe('unknown');
});
