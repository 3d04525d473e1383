import { join } from 'node:path';
import { HEADER, METRIC, PROTECTIVE_HEADERS } from '@headgate/contracts/names';
import { eventually } from '@headgate/testkit/eventually';
import { total } from '@headgate/testkit/metrics';
import { rawConnection } from '@headgate/testkit/raw';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestEnvoy } from '../../envoy/test/support/envoy.ts';
import { KEYS } from '../../gateway/src/testing/app-fixture.ts';
import { type OneGateway, startOneGateway } from './one-gateway.ts';

let gateway: OneGateway;
let envoy: TestEnvoy;
beforeAll(async () => {
  gateway = await startOneGateway();
  envoy = await TestEnvoy.start({ HEADGATE_ENVOY__GATEWAY_TARGET: `127.0.0.1:${gateway.port}` });
});
afterAll(async () => {
  await envoy?.[Symbol.asyncDispose]();
  await gateway?.[Symbol.asyncDispose]();
});

const END = 'connection: close\r\n\r\n';
const get = (lines: string, target = '/v1/models') => `GET ${target} HTTP/1.1\r\n${lines}${END}`;
const post = (lines: string, body: string) =>
  `POST /predict HTTP/1.1\r\nhost: x\r\nx-api-key: ${KEYS.bench}\r\ncontent-type: image/png\r\n${lines}${END}${body}`;

/** What a stranger may send, and the status of its one answer. */
const ODD: readonly (readonly [what: string, bytes: string, status: number])[] = [
  ['an unknown expectation', get('host: x\r\nexpect: x\r\n'), 401],
  ['an expectation of two', get('host: x\r\nexpect: 100-continue, x\r\n'), 401],
  [
    'a body that waits to be invited',
    `${post('expect: 100-continue\r\ncontent-length: 9\r\n', '').replace(KEYS.bench, 'x')}`,
    403,
  ],
  ['no host', get(''), 400],
  ['two hosts', get('host: x\r\nhost: x\r\n'), 400],
  ['an invalid host', get('host: a b\r\n'), 400],
  ['a host with a user', get('host: a@b\r\n'), 400],
  ['an empty host', get('host:\r\n'), 400],
  ['a port that is none', get('host: x:99999999\r\n'), 400],
  ['an upgrade to h2c', get('host: x\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n'), 401],
  [
    'an upgrade to a web socket',
    get('host: x\r\nupgrade: websocket\r\n').replace('connection: close', 'connection: upgrade, close'),
    401,
  ],
  ['a tunnel', `CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n`, 400],
  ['TRACE', get('host: x\r\n').replace('GET', 'TRACE'), 401],
  ['OPTIONS about the server', `OPTIONS * HTTP/1.1\r\nhost: x\r\n${END}`, 401],
  ['a method of WebDAV', get('host: x\r\n').replace('GET', 'PROPFIND'), 401],
  ['an unknown method', get('host: x\r\n').replace('GET', 'BREW'), 400],
  ['an absolute target', get('host: x\r\n', 'http://other/v1/models'), 401],
  ['a target of another scheme', get('host: x\r\n', 'gopher://x/'), 400],
  ['a backslash', get('host: x\r\n', '/v1\\models'), 400],
  ['an encoded NUL', get('host: x\r\n', '/v1/models/%00/x'), 401],
  ['a broken escape', get('host: x\r\n', '/v1/models/%E0%A4%A/predict'), 401],
  ['a very long path', get('host: x\r\n', `/${'a'.repeat(8000)}`), 401],
  ['a path beyond all limits', get('host: x\r\n', `/${'a'.repeat(80_000)}`), 431],
  ['another version', 'GET /v1/models HTTP/9.9\r\nhost: x\r\n\r\n', 400],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['a header without a name', get('host: x\r\n: y\r\n'), 400],
  ['a length twice', get('host: x\r\ncontent-length: 0\r\ncontent-length: 1\r\n'), 400],
  ['an encoding that nobody knows', post('transfer-encoding: gzip\r\n', 'x'), 400],
  ['a chunk without a size', post('transfer-encoding: chunked\r\n', 'zz\r\n'), 400],
];

/** Addresses of loopback: one for each, so that quotas do not mix. */
const addressOf = (index: number) => `127.0.1.${index + 1}`;

async function answersTo(bytes: string, localAddress: string, byEnvoy = false) {
  await using socket = byEnvoy
    ? await rawConnection(`https://localhost:${envoy.httpsPort}`, {
        localAddress,
        caFile: join(envoy.files.publicDir, 'ca.crt'),
      })
    : await rawConnection(gateway.port, { localAddress });
  await socket.write(Buffer.from(bytes, 'latin1'));
  const answers = [];
  for (let next = await socket.answer(); next; next = await socket.answer()) {
    if (next.status !== 100) answers.push(next);
  }
  return answers;
}

const requests = async () => total(await gateway.metrics(), METRIC.httpRequests);
const calls = async () => (await gateway.records()).filter(({ type }) => type === 'call');

describe('What Node or the adapter would answer by itself', () => {
  it.each(ODD.map(([what, bytes, status], i) => [what, bytes, status, addressOf(i)] as const))(
    'has one answer of the onion, and is recorded, counted and limited: %s',
    async (_, bytes, status, address) => {
      const before = { requests: await requests(), calls: (await calls()).length };
      const answers = await answersTo(bytes, address);
      expect(answers.map((answer) => answer.status)).toEqual([status]);
      const { headers, text } = answers[0] as (typeof answers)[0];
      expect(headers).toMatchObject(PROTECTIVE_HEADERS);
      expect(JSON.parse(text || '{}')).toMatchObject(
        text === '' ? {} : { status, request_id: headers[HEADER.requestId] },
      );
      expect(await requests()).toBe(before.requests + 1);
      const added = await eventually(async () => {
        const all = (await calls()).slice(before.calls);
        return all.length > 0 && all;
      }, 'its record');
      expect(added).toMatchObject([
        { status, request_id: headers[HEADER.requestId], address: expect.any(String) },
      ]);
    },
  );
});

it('The internal port sees the host as it was sent', async () => {
  await using socket = await rawConnection(gateway.internalPort);
  await socket.write(get('host: evil.example\r\n', '/livez'));
  expect((await socket.answer())?.status).toBe(421);
});

/** Envoy speaks another protocol then, or waits for more. */
const NOT_FOR_ENVOY = new Set(['HTTP/2', 'TLS']);

it('Through Envoy each has one answer with the same headers, which Envoy logs, and the gateway records if it was asked', async () => {
  const odd = ODD.filter(([what]) => !NOT_FOR_ENVOY.has(what));
  const seen = await Promise.all(
    odd.map(async ([what, bytes], i) => {
      const sent = bytes.replaceAll(/^host: x\r\n/gim, 'host: localhost\r\n');
      const answers = await answersTo(sent, `127.0.3.${i + 1}`, true);
      return { what, answers };
    }),
  );
  for (const { what, answers } of seen) {
    expect([what, answers.length]).toEqual([what, 1]);
    const { headers, status } = answers[0] as (typeof answers)[0];
    expect(headers).toMatchObject(PROTECTIVE_HEADERS);
    const id = headers[HEADER.requestId];
    const entry = await envoy.accessEntry(({ request_id }) => request_id === id);
    expect([what, entry.status]).toEqual([what, status]);
    if (entry.details !== 'via_upstream') continue;
    const recorded = async () =>
      (await calls()).filter((one) => one.type === 'call' && one.request_id === id).length === 1;
    await eventually(recorded, `the record of ${what}`);
  }
});

it('Odd requests use up the quota of the address, in whatever mixture', async () => {
  const address = '127.0.2.1';
  const odd = ODD.filter(([, , status]) => status === 400 || status === 401).slice(0, 20);
  const statuses: (number | undefined)[] = [];
  for (let i = 0; i < 120; i += 1) {
    const [, bytes] = odd[i % odd.length] as (typeof odd)[0];
    statuses.push((await answersTo(bytes, address))[0]?.status);
  }
  expect(statuses.slice(0, 100)).not.toContain(429);
  expect(new Set(statuses.slice(100))).toEqual(new Set([429]));
});
