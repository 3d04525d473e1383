import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { type ApiRequest, type ApiServer, startApiServer } from '@headgate/testkit/services/kubernetes-api';
import { afterEach, expect, it } from 'vitest';
import { inClusterApi, type KubernetesApi, type KubernetesError, type WatchEvent } from './api.ts';

let server: ApiServer;
let api: KubernetesApi;

afterEach(async () => {
  api.close();
  await server[Symbol.asyncDispose]();
});

async function start(answer: (request: ApiRequest, response: ServerResponse) => void): Promise<void> {
  server = await startApiServer(answer);
  api = await inClusterApi(server.env, server.dir);
}

const status = (code: number, reason: string, message: string) =>
  JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code });

const failure = (work: Promise<unknown>) =>
  work.then(
    () => expect.fail('did not fail'),
    (error: KubernetesError) => ({ status: error.status, message: error.message }),
  );

async function eventsOf(watch: AsyncIterable<WatchEvent>): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  for await (const event of watch) events.push(event);
  return events;
}

const never = new AbortController().signal;
const MAP = '/api/v1/namespaces/shop/configmaps/headgate-routing';

it('shows the token of the file as it is now, and knows the namespace', async () => {
  await start((_, response) => response.end('{"kind":"ConfigMap"}'));
  expect(api.namespace).toBe('shop');
  expect(await api.call('GET', MAP)).toEqual({ kind: 'ConfigMap' });
  writeText(join(server.dir, 'token'), 'token-2\n');
  await api.call('GET', MAP);
  expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
    'Bearer token-1',
    'Bearer token-2',
  ]);
});

it('sends JSON, as a merge patch where it patches', async () => {
  await start((_, response) => response.end('{}'));
  await api.call('PATCH', MAP, { body: { data: { key: 'ä' } } });
  await api.call('POST', MAP, { body: [] });
  await api.call('PATCH', MAP, { body: [], contentType: 'application/json-patch+json' });
  expect(server.requests.map(({ method, headers, body }) => [method, headers['content-type'], body])).toEqual(
    [
      ['PATCH', 'application/merge-patch+json', { data: { key: 'ä' } }],
      ['POST', 'application/json', []],
      ['PATCH', 'application/json-patch+json', []],
    ],
  );
});

it('fails with the status and the explanation of the API server', async () => {
  const why = 'configmaps "headgate-routing" is forbidden: User "x" cannot get resource';
  await start((_, response) => response.writeHead(403).end(status(403, 'Forbidden', why)));
  expect(await failure(api.call('GET', `${MAP}?x=1`))).toEqual({
    status: 403,
    message: `GET ${MAP}: 403 ${why}`,
  });
});

it.each([
  ['a gateway that is no API server', (r: ServerResponse) => r.writeHead(502).end('<html>'), 502, /: 502 $/],
  ['a redirect', (r: ServerResponse) => r.writeHead(302, { location: '/x' }).end(), 302, /: 302 $/],
  ['text instead of JSON', (r: ServerResponse) => r.end('ok'), undefined, /not JSON/],
  ['a socket that closes', (r: ServerResponse) => r.destroy(), undefined, /socket hang up/],
  ['half an answer', (r: ServerResponse) => r.write('{', () => r.destroy()), undefined, /aborted/],
  [
    'an endless answer',
    (r: ServerResponse) => r.end(Buffer.alloc(2 ** 23 + 1, 32)),
    undefined,
    /larger than/,
  ],
])('fails on %s', async (_, answer, code, message) => {
  await start((_, response) => void answer(response));
  expect(await failure(api.call('GET', MAP))).toEqual({
    status: code,
    message: expect.stringMatching(message),
  });
});

it('waits no longer than it may, for the answer and for its end', async () => {
  await start(({ path }, response) => void (path === '/half' && response.write('{')));
  const late = { status: undefined, message: expect.stringContaining('no answer in time') };
  expect(await failure(api.call('GET', '/none', { timeoutMs: 1 }))).toEqual(late);
  expect(await failure(api.call('GET', '/half', { timeoutMs: 200 }))).toEqual(late);
});

it('fails with the reason of the caller who stops it', async () => {
  const stop = new AbortController();
  const reason = new Error('stopped');
  await start(() => stop.abort(reason));
  await expect(api.call('GET', MAP, { signal: stop.signal })).rejects.toBe(reason);
  await expect(eventsOf(api.watch(MAP, { timeoutSeconds: 9, signal: stop.signal }))).rejects.toBe(reason);
});

it('refuses a server that another authority has signed', async () => {
  await start((_, response) => response.end('{}'));
  const stranger = await startApiServer(() => undefined);
  await stranger[Symbol.asyncDispose]();
  const other = await inClusterApi(server.env, stranger.dir);
  expect(await failure(other.call('GET', MAP))).toMatchObject({
    message: expect.stringMatching(/certificate|signature/),
  });
  expect(server.requests).toEqual([]);
  other.close();
});

it('yields the events of a watch as they arrive, however the bytes are cut', async () => {
  const lines = [
    { type: 'ADDED', object: { data: { key: 'é' } } },
    { type: 'BOOKMARK', object: {} },
  ];
  const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  await start((_, response) => {
    for (const byte of bytes) response.write(Buffer.of(byte));
    response.end();
  });
  expect(await eventsOf(api.watch(`${MAP}?a=b`, { timeoutSeconds: 7, signal: never }))).toEqual(lines);
  expect(server.requests[0]?.path).toBe(`${MAP}?a=b&watch=true&timeoutSeconds=7`);
});

it.each([
  ['is refused', (r: ServerResponse) => r.writeHead(401).end(status(401, 'Unauthorized', 'no')), 401],
  [
    'has expired',
    (r: ServerResponse) =>
      r.end(`{"type":"ERROR","object":${status(410, 'Expired', 'too old resource version')}}\n`),
    410,
  ],
  ['breaks off', (r: ServerResponse) => r.write('{"type":"ADD', () => r.destroy()), undefined],
  ['sends one event without end', (r: ServerResponse) => r.end(Buffer.alloc(2 ** 23 + 1, 32)), undefined],
  ['sends no JSON', (r: ServerResponse) => r.end('x\n'), undefined],
])('fails when a watch %s', async (_, answer, code) => {
  await start((_, response) => void answer(response));
  const watching = eventsOf(api.watch(MAP, { timeoutSeconds: 7, signal: never }));
  expect(await failure(watching)).toMatchObject({ status: code });
});

it('closes the connection of a watch that nobody follows any more', async () => {
  let closed: Promise<unknown> | undefined;
  await start((_, response) => {
    closed = new Promise((resolve) => response.on('close', resolve));
    response.write('{"type":"ADDED","object":{}}\n');
  });
  for await (const _ of api.watch(MAP, { timeoutSeconds: 60, signal: never })) break;
  await closed;
});

it('says what is missing outside a cluster and without a token', async () => {
  await start(() => undefined);
  expect(await failure(inClusterApi({}, server.dir))).toMatchObject({
    message: expect.stringContaining('run this in a pod'),
  });
  const empty = tempDir();
  expect(await failure(inClusterApi(server.env, empty))).toMatchObject({
    message: expect.stringContaining('mount the token of a service account'),
  });
});
