import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { testConfig } from '@headgate/testkit/config';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it, onTestFinished } from 'vitest';
import { predictOnce } from './first-prediction.ts';
import { describeService } from './ready-file.ts';

/** A gateway that answers everything in the same way, and what it was asked. */
async function gateway(status: number, answer: object) {
  const asked: { headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    asked.push({ headers: request.headers, body });
    response.writeHead(status).end(JSON.stringify(answer));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const keys = { client: 'c', bench: 'b', admin: 'a' };
  const service = describeService(testConfig(), { root: '/srv', mode: 'fallback', keys, model: 'm' });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { asked, service: { ...service, gateway: url } };
}

const photo = () => join(tempDir({ 'a.png': 'pixels' }), 'a.png');

it('sends one photo with the key, and reads the best label', async () => {
  const top = [{ label: 'seven', class_id: 7, score: 0.9 }];
  const { asked, service } = await gateway(200, { model: 'digits', version: '1', predictions: [{ top }] });
  expect(await predictOnce(service, 'b', photo())).toEqual({
    model: 'digits',
    version: '1',
    label: 'seven',
    score: 0.9,
  });
  expect(asked).toMatchObject([
    { body: 'pixels', headers: { 'x-api-key': 'b', 'content-type': 'image/png', 'content-length': '6' } },
  ]);
});

it.each([
  [503, { reason: 'unavailable' }, 'answered with 503: {"reason":"unavailable"}'],
  [200, { predictions: [{ error: {} }] }, 'has no label'],
])('is not content with %i %j', async (status, answer, complaint) => {
  const { service } = await gateway(status, answer);
  await expect(predictOnce(service, 'b', photo())).rejects.toThrow(complaint);
});
