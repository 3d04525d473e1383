import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { refuseMissingImages } from './check.ts';

it('names the command that makes the missing images, of a GPU pool too', async () => {
  const server = createServer((_, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const pod = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ image: `127.0.0.1:${port}/team/headgate/${name}:1` }] },
  });
  const remedy = async (...names: string[]) =>
    (await refuseMissingImages(names.map(pod)).catch((error) => error)).remedy;
  expect(await remedy('envoy')).toMatch(/^npm run images builds.*--images/);
  expect(await remedy('envoy', 'inference-gpu')).toMatch(/^npm run images -- --gpu builds.*--images/);
});
