import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KEYS, PREDICTION } from './testing/app-fixture.ts';
import { streamed } from './testing/bodies.ts';
import { pngHeader } from './testing/images.ts';

/** `PREDICTION` as an inference server says it over REST. */
const OUTPUTS = (['label', 'score', 'class_id'] as const).map((name) => ({
  name,
  data: PREDICTION.top.map((each) => each[name]),
}));
const IMAGE = pngHeader(64, 48);
const PHOTO = { method: 'POST', body: IMAGE, headers: { 'content-type': 'image/png' } };

const predictor = createServer((request, response) => {
  // Callers with less time than that never get an answer.
  const answers = Number(request.headers['x-headgate-timeout-ms']) > 500;
  request.resume().once('end', () => answers && response.end(JSON.stringify({ outputs: OUTPUTS })));
});
let url: string;
let stop = async (): Promise<void> => undefined;

/** Bundles the app with the host file, as an installation would, and runs it with Deno. */
beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'headgate-deno-'));
  const outfile = join(dir, 'host.js');
  const { metafile } = await build({
    entryPoints: [join(import.meta.dirname, 'testing/deno-host.ts')],
    bundle: true,
    metafile: true,
    format: 'esm',
    target: 'es2024',
    // Fails for a module that only Node has.
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['import'],
    outfile,
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  expect(imports).toEqual([]);
  await once(predictor.listen(0, '127.0.0.1'), 'listening');
  const target = `http://127.0.0.1:${(predictor.address() as AddressInfo).port}`;
  const args = ['run', '--no-config', '--no-lock', '--allow-net=127.0.0.1', outfile, target];
  const env = { ...process.env, DENO_NO_UPDATE_CHECK: '1', DENO_DIR: dir };
  const deno = spawn(join(import.meta.dirname, '../../node_modules/.bin/deno'), args, { env });
  stop = async () => {
    deno.kill();
    await once(deno, 'exit');
    await rm(dir, { recursive: true });
  };
  const [port] = (await once(deno.stdout, 'data')) as [Buffer];
  url = `http://127.0.0.1:${port.toString().trim()}`;
}, 60_000);
afterAll(async () => {
  await stop();
  predictor.closeAllConnections();
  predictor.close();
});

async function send(path: string, init: RequestInit = {}, key: string = KEYS.bench) {
  const headers = new Headers(init.headers);
  headers.set('x-api-key', key);
  const response = await fetch(url + path, { ...init, headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

it('answers a photo, and each of several', async () => {
  const { status, body } = await send('/predict', PHOTO);
  expect([status, body.predictions]).toMatchObject([200, [{ index: 0, top: PREDICTION.top }]]);
  const form = new FormData();
  form.append('image', new Blob([IMAGE]), 'cat.png');
  form.append('image', new Blob(['no image']), 'dog.png');
  const several = await send('/v1/models/net/predict', { method: 'POST', body: form });
  expect(several.body.predictions).toMatchObject([
    { filename: 'cat.png', top: PREDICTION.top },
    { filename: 'dog.png', error: { reason: 'unsupported_media_type' } },
  ]);
});

it('answers tensors that came compressed', async () => {
  const input = { name: 'a', datatype: 'FP32', shape: [1, 2], data: [[1, 2.5]] };
  const body = new Uint8Array(gzipSync(JSON.stringify({ inputs: [input] })));
  const answer = await send('/v2/models/net/infer', {
    method: 'POST',
    body,
    headers: { 'content-encoding': 'gzip' },
  });
  expect(answer.body.outputs).toMatchObject([{ name: 'a', data: [1, 2.5] }]);
});

it.each([
  ['a wrong key', '/predict', PHOTO, 'wrong', 403, 'wrong_key'],
  ['an unknown address', '/nothing', {}, KEYS.bench, 404, 'not_found'],
  ['an empty body', '/predict', { ...PHOTO, body: '' }, KEYS.bench, 400, 'empty_body'],
  ['too many bytes', '/predict', { ...PHOTO, body: new Uint8Array(2 * 2 ** 20) }, KEYS.bench, 413, 'body_too_large'],
  ['an upload that stops', '/predict', streamed(new ReadableStream({ start: (to) => to.enqueue(IMAGE) })), KEYS.bench, 408, 'upload_timeout'],
  ['a call whose time is up', '/predict', { ...PHOTO, headers: { ...PHOTO.headers, 'x-headgate-timeout-ms': '500' } }, KEYS.bench, 504, 'deadline_exceeded'],
] as const)('refuses %s', async (_what, path, init, key, status, reason) => {
  const answer = await send(path, init, key);
  expect([answer.status, answer.body.reason]).toEqual([status, reason]);
}); // biome-ignore format: one row reads as one row

it('keeps the quotas', async () => {
  const statuses = [];
  for (let i = 0; i < 11; i++) statuses.push((await send('/predict', PHOTO, KEYS.client)).status);
  expect(statuses).toEqual([...Array(10).fill(200), 429]);
});
