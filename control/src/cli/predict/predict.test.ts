import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Authority, createAuthority } from '../../../../scripts/setup/certificates.ts';
import { headgate } from '../../testing/command-line.ts';

const ANSWER = {
  id: '01a205d8-12eb-78c0-97f2-d08ae8e9b6da',
  model: 'digits',
  version: '2',
  variant: 'b',
  predictions: [
    { index: 0, filename: 'seven.png', top: [{ label: 'seven\u001b[2J', class_id: 7, score: 0.98765 }] },
  ],
  timing_ms: { total: 43.2, upstream: 37.6, queue: 5.35, decode: 8.4, run: 15.7 },
};
const FAILED = {
  index: 1,
  filename: 'b.png',
  error: { reason: 'undecodable_image', detail: 'It is cut off.' },
};

let authority: Authority;
beforeAll(async () => {
  authority = await createAuthority('An authority');
});

/** A public API on a socket, and what it was sent. */
async function api(answer: object, { status = 200, tls = false } = {}) {
  const requests: { path: string; key: string | undefined; unit: string | undefined; files: string[] }[] = [];
  const app = new Hono();
  app.post('*', async (c) => {
    const files = (await c.req.formData()).getAll('image') as unknown as File[];
    requests.push({
      path: c.req.path,
      key: c.req.header('x-api-key'),
      unit: c.req.header('x-headgate-unit'),
      files: await Promise.all(files.map(async (file) => `${file.name}: ${await file.text()}`)),
    });
    return c.json(answer, status as 200);
  });
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const { key, certificate: cert } = await authority.issue('localhost', 'server');
  const server = tls ? createTlsServer({ key, cert }, listener) : createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http${tls ? 's' : ''}://localhost:${(server.address() as AddressInfo).port}`, requests };
}

const dir = () =>
  tempDir({
    'seven.png': 'bytes of seven',
    'b\u001b[31m.png': 'bytes of b',
    'ca.crt': authority.certificate,
  });

describe('headgate predict', () => {
  it('sends images with key and unit, and shows label, score, version, variant and time', async () => {
    const { url, requests } = await api(ANSWER);
    const argv = [
      'predict',
      'seven.png',
      'b\u001b[31m.png',
      '--url',
      url,
      '--unit',
      'alice',
      '--model',
      'a/b',
    ];
    const { code, out } = await headgate(argv, {
      cwd: dir(),
      env: { HEADGATE_ROOT: process.cwd(), HEADGATE_API_KEY: 'k' },
    });
    expect(code).toBe(0);
    expect(requests).toEqual([
      {
        path: '/v1/models/a%2Fb/predict',
        key: 'k',
        unit: 'alice',
        files: ['seven.png: bytes of seven', 'b\u001b[31m.png: bytes of b'],
      },
    ]);
    expect(out).toMatch(/seven\.png +seven\\u001b\[2J +0\.9877\n/);
    expect(out).toContain('digits, version 2, variant b\n43 ms: queue 5.4 ms, decode 8.4 ms, run 16 ms\n');
    expect(out).toContain(`id ${ANSWER.id}`);
  });

  it('shows the image that failed, and ends with code 1', async () => {
    const { url } = await api({ ...ANSWER, predictions: [...ANSWER.predictions, FAILED] });
    const argv = ['predict', 'seven.png', 'b\u001b[31m.png', '--url', url, '--key', 'k'];
    const { code, out, err } = await headgate(argv, { cwd: dir(), env: { HEADGATE_ROOT: process.cwd() } });
    expect(code).toBe(1);
    expect(out).toMatch(/b\\u001b\[31m\.png +undecodable_image +It is cut off\.\n/);
    expect(err).toContain('1 of 2 images failed');
  });

  it('trusts the authority of the installation, and no other one', async () => {
    const { url } = await api(ANSWER, { tls: true });
    const cwd = dir();
    const with_ = (folder: string) =>
      headgate(['predict', 'seven.png', '--url', url, '--key', 'k'], {
        cwd,
        env: { HEADGATE_ROOT: process.cwd(), HEADGATE_ENVOY__TLS_DIR: folder },
      });
    expect((await with_(cwd)).code).toBe(0);
    const { code, err } = await with_(join(cwd, 'none'));
    expect([code, err]).toEqual([1, expect.stringMatching(/does not answer: .*certificate/)]);
  });

  it.each([
    [403, 1, 'Create a key.'],
    [404, 4, 'GET /v1/models lists them.'],
    [502, 1, undefined],
  ])('passes on an answer of %i', async (status, code, detail) => {
    const { url } = await api({ detail }, { status });
    const argv = ['predict', 'seven.png', '--url', url, '--key', 'k'];
    const told = await headgate(argv, { cwd: dir(), env: { HEADGATE_ROOT: process.cwd() } });
    expect([told.code, told.err]).toEqual([code, expect.stringContaining(`the API answered ${status}`)]);
    expect(told.err).toContain(detail ?? 'headgate doctor');
  });

  it.each([
    [['none.png', '--key', 'k'], 4, 'none.png cannot be read'],
    [['seven.png', '--key', 'k', '--url', 'localhost:1'], 2, 'localhost:1 is no address'],
    [['seven.png', '--env', 'production'], 2, ''],
  ])('%j sends nothing', async (argv, code, text) => {
    const told = await headgate(['predict', ...argv], { cwd: dir(), env: { HEADGATE_ROOT: process.cwd() } });
    expect([told.code, told.err]).toEqual([code, expect.stringContaining(text)]);
  });
});
