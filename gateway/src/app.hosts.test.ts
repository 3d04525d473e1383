import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { deflateSync, gzipSync } from 'node:zlib';
import { build, type Metafile } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeOptions, serveHttp } from './server.ts';
import { answerOf, reasonOf } from './testing/answers.ts';
import { CONFIG, KEYS, PREDICTION } from './testing/app-fixture.ts';
import { streamed } from './testing/bodies.ts';
import { appOnHost } from './testing/hosts/app-on-host.ts';
import { pngHeader } from './testing/images.ts';

const HERE = import.meta.dirname;
const DENO = join(HERE, '../../node_modules/.bin/deno');
const FOR_ANY_HOST = { bundle: true, format: 'esm', target: 'es2024', write: false, metafile: true } as const;

describe('the app module', () => {
  it('imports nothing that only Node has', async () => {
    const { metafile } = await build({
      ...FOR_ANY_HOST,
      entryPoints: [join(HERE, 'app.ts')],
      platform: 'neutral',
      mainFields: ['module', 'main'],
      conditions: ['import'],
      outdir: 'nowhere',
    });
    expect(externalImports(metafile)).toEqual([]);
  });

  it('is bundled with a build that would notice', async () => {
    const building = build({
      ...FOR_ANY_HOST,
      stdin: { contents: "import { readFileSync } from 'node:fs'; readFileSync('x')" },
      platform: 'neutral',
      logLevel: 'silent',
    });
    await expect(building).rejects.toThrow('node:fs');
  });
});

/** What the bundle leaves to its host, helpers of the bundler itself apart. */
function externalImports({ inputs }: Metafile): string[] {
  const imports = Object.values(inputs).flatMap((input) => input.imports);
  return imports.filter(({ external, path }) => external && path !== '<runtime>').map(({ path }) => path);
}

/** `PREDICTION` as an inference server says it over REST. */
const INFERRED = {
  outputs: [
    { name: 'label', data: PREDICTION.top.map(({ label }) => label) },
    { name: 'score', data: PREDICTION.top.map(({ score }) => score) },
    { name: 'class_id', data: PREDICTION.top.map(({ class_id }) => class_id) },
  ],
};

/** A host under test: where it listens, and how it ends. */
interface Host {
  readonly url: string;
  stop(): Promise<unknown>;
}

const HOSTS: Record<string, (predictorUrl: string) => Promise<Host>> = { Node: onNode, Deno: onDeno };

describe.each(Object.entries(HOSTS))('the app on %s', (_, start) => {
  let predictor: Server;
  let asked: { path: string; body: Buffer }[];
  let host: Host;

  beforeAll(async () => {
    asked = [];
    predictor = createServer(async (request, response) => {
      asked.push({ path: request.url ?? '', body: await buffer(request) });
      // Whoever has less time than that never gets an answer.
      if (Number(request.headers['x-headgate-timeout-ms']) > 500) response.end(JSON.stringify(INFERRED));
    });
    predictor.listen(0, '127.0.0.1');
    await once(predictor, 'listening');
    host = await start(`http://127.0.0.1:${(predictor.address() as AddressInfo).port}`);
  }, 60_000);
  afterAll(async () => {
    await host?.stop();
    predictor.closeAllConnections();
    predictor.close();
  });

  const send = (path: string, init: RequestInit = {}, key: string = KEYS.bench) => {
    const headers = new Headers(init.headers);
    headers.set('x-api-key', key);
    return fetch(host.url + path, { ...init, headers });
  };
  const image = pngHeader(64, 48);
  const raw = {
    method: 'POST',
    body: image,
    headers: { 'content-type': 'image/png', 'x-headgate-unit': 'alice' },
  };

  it('answers a real prediction', async () => {
    const response = await send('/predict', raw);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      model: 'net',
      version: '1',
      variant: 'control',
      predictions: [{ index: 0, filename: null, top: PREDICTION.top }],
    });
    expect(asked.at(-1)?.path).toBe('/v2/models/net/versions/1/infer');
    expect(asked.at(-1)?.body.subarray(-image.length)).toEqual(Buffer.from(image));
  });

  it('answers several images, one of them bad', async () => {
    const form = new FormData();
    form.append('image', new Blob([image]), 'cat.png');
    form.append('image', new Blob(['no image']), 'dog.png');
    const answer = await answerOf(await send('/v1/models/net/predict', { method: 'POST', body: form }));
    expect(answer.predictions).toMatchObject([
      { filename: 'cat.png', top: PREDICTION.top },
      { filename: 'dog.png', error: { reason: 'unsupported_media_type' } },
    ]);
  });

  it.each(['none', 'gzip', 'deflate'] as const)(
    'reads and answers tensors, compressed by %s',
    async (encoding) => {
      const head = Buffer.from(
        JSON.stringify({
          inputs: [
            { name: 'a', datatype: 'FP32', shape: [1, 2], data: [[1, 2.5]] },
            { name: 'b', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: 6 } },
          ],
          outputs: [{ name: 'a' }, { name: 'b', parameters: { binary_data: true } }],
        }),
      );
      const block = Buffer.from([2, 0, 0, 0, 0xff, 0xfe]);
      const body = Buffer.concat([head, block]);
      const response = await send('/v2/models/net/infer', {
        method: 'POST',
        body: { none: body, gzip: gzipSync(body), deflate: deflateSync(body) }[encoding],
        headers: {
          'inference-header-content-length': String(head.byteLength),
          ...(encoding !== 'none' && { 'content-encoding': encoding }),
        },
      });
      const answer = Buffer.from(await response.arrayBuffer());
      const jsonBytes = Number(response.headers.get('inference-header-content-length'));
      expect(JSON.parse(answer.toString('utf8', 0, jsonBytes)).outputs).toMatchObject([
        { name: 'a', data: [1, 2.5] },
        { name: 'b', parameters: { binary_data_size: 6 } },
      ]);
      expect(answer.subarray(jsonBytes)).toEqual(block);
    },
  );

  it('lists the models', async () => {
    expect(await (await send('/v1/models')).json()).toMatchObject({ default_model: 'net' });
  });

  it.each([
    ['a wrong key', '/predict', raw, 'wrong', 403, 'wrong_key'],
    ['an unknown address', '/nothing', {}, KEYS.bench, 404, 'not_found'],
    ['a wrong method', '/predict', {}, KEYS.bench, 405, 'method_not_allowed'],
    ['an empty body', '/predict', { ...raw, body: '' }, KEYS.bench, 400, 'empty_body'],
    ['another media type', '/predict', { ...raw, headers: { 'content-type': 'text/html' } }, KEYS.bench, 415, 'unsupported_media_type'],
    ['too many pixels', '/predict', { ...raw, body: pngHeader(1e6, 1e6) }, KEYS.bench, 413, 'image_too_large'],
    ['too many bytes', '/predict', { ...raw, body: new Uint8Array(2 * 2 ** 20) }, KEYS.bench, 413, 'body_too_large'],
  ])('refuses %s', async (_what, path, init, key, status, reason) => {
    const response = await send(path, init, key);
    expect([response.status, await reasonOf(response)]).toEqual([status, reason]);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  }); // biome-ignore format: one row reads as one row

  it('cuts an upload that stops', async () => {
    const stops = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(image) });
    const response = await send('/predict', streamed(stops));
    expect([response.status, await reasonOf(response)]).toEqual([408, 'upload_timeout']);
  });

  it('keeps the deadline', async () => {
    const response = await send('/predict', {
      ...raw,
      headers: { ...raw.headers, 'x-headgate-timeout-ms': '500' },
    });
    expect([response.status, await reasonOf(response)]).toEqual([504, 'deadline_exceeded']);
  });

  it('keeps the quotas', async () => {
    const statuses = [];
    for (let i = 0; i < 11; i++) statuses.push((await send('/predict', raw, KEYS.client)).status);
    expect(statuses).toEqual([...Array(10).fill(200), 429]);
  });
});

async function onNode(predictorUrl: string): Promise<Host> {
  const app = await appOnHost(predictorUrl, () => '127.0.0.1');
  const server = await serveHttp({ fetch: app.fetch, host: '127.0.0.1', port: 0, node: nodeOptions(CONFIG) });
  return { url: `http://127.0.0.1:${server.port}`, stop: () => server.drain(0) };
}

/** Builds the app and its host file apart, as an installation would, and runs them with Deno. */
async function onDeno(predictorUrl: string): Promise<Host> {
  const outdir = await mkdtemp(join(tmpdir(), 'headgate-deno-'));
  await build({
    bundle: true,
    format: 'esm',
    target: 'es2024',
    entryPoints: { app: join(HERE, 'app.ts'), host: join(HERE, 'testing/hosts/deno.ts') },
    platform: 'browser',
    splitting: true,
    outdir,
  });
  const args = [
    'run',
    '--no-config',
    '--no-lock',
    '--allow-net=127.0.0.1',
    join(outdir, 'host.js'),
    predictorUrl,
  ];
  const deno = spawn(DENO, args, { env: { ...process.env, DENO_NO_UPDATE_CHECK: '1', DENO_DIR: outdir } });
  const port = await firstLine(deno);
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      deno.kill();
      await once(deno, 'exit');
      await rm(outdir, { recursive: true });
    },
  };
}

async function firstLine({ stdout, stderr }: ChildProcess): Promise<string> {
  const complaints: string[] = [];
  stderr?.on('data', (chunk) => complaints.push(String(chunk)));
  for await (const chunk of stdout ?? []) return String(chunk).trim();
  throw new Error(`the host did not start: ${complaints.join('')}`);
}
