import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { lookUp } from './images.ts';

/** A registry that knows one image. */
async function registry(): Promise<string> {
  const server = createServer(({ url }, response) => {
    const status =
      url === '/v2/headgate/gateway/manifests/sha256:ab' ? 200 : url?.includes('secret') ? 401 : 404;
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('tells a missing image from one that the registry shows to nobody', async () => {
  const host = await registry();
  expect(await lookUp(`${host}/headgate/gateway@sha256:ab`)).toBe('there');
  expect(await lookUp(`${host}/headgate/gateway@sha256:cd`)).toBe('missing');
  expect(await lookUp(`${host}/headgate/envoy:1.0`)).toBe('missing');
  expect(await lookUp(`${host}/secret/gateway:1.0`)).toBe('unknown');
});

it('leaves it to the nodes where no registry answers or is named', async () => {
  expect(await lookUp('127.0.0.1:1/headgate/gateway:1.0')).toBe('unknown');
  expect(await lookUp('redis:7')).toBe('unknown');
});
