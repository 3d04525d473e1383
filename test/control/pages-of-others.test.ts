import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ProblemBody } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { browserObstacle, launchBrowser } from '@headgate/testkit/browser';
import { samplePhoto } from '@headgate/testkit/photos';
import { freePort } from '@headgate/testkit/ports';
import type { PredictBody } from '@headgate/testkit/predict';
import { type OwnedStack, startStack } from '@headgate/testkit/stack';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const obstacle = browserObstacle();
if (obstacle !== undefined) console.log(`Pages of other origins are not tested: ${obstacle}`);

/** Sends the file of its field, in a form or as it is. */
const HTML = `<!doctype html><title>Photos</title><input type="file" id="photo">
<script>
  async function upload({ url, headers, asForm }) {
    const [file] = document.querySelector('#photo').files;
    const form = new FormData();
    form.append('image', file);
    try {
      const answer = await fetch(url, { method: 'POST', headers, body: asForm ? form : file });
      return { status: answer.status, body: await answer.json(), headers: Object.fromEntries(answer.headers) };
    } catch (error) {
      return { failed: String(error) };
    }
  }
</script>`;
const MIB = 2 ** 20;

/** What a page gets of an answer: all of it, or only that the request failed. */
interface Got {
  readonly failed?: string;
  readonly status?: number;
  readonly body?: PredictBody & ProblemBody;
  readonly headers?: Readonly<Record<string, string>>;
}

describe.skipIf(obstacle !== undefined)('A page of another origin, in a browser', () => {
  let stack: OwnedStack;
  let browser: Browser;
  let server: Server;
  let allowed: Page;
  let stranger: Page;

  beforeAll(async () => {
    server = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(HTML));
    await once(server.listen(await freePort(), '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const origin = `http://127.0.0.1:${port}`;
    stack = await startStack({ env: { HEADGATE_GATEWAY__CORS__ORIGINS: JSON.stringify([origin]) } });
    browser = await launchBrowser();
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    [allowed, stranger] = [await context.newPage(), await context.newPage()];
    await allowed.goto(origin);
    await stranger.goto(`http://localhost:${port}`);
  });
  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
    server?.close();
  });

  const send = async (page: Page, file: { name: string; mimeType: string; buffer: Buffer }, more = {}) => {
    const { https, keys } = stack.ready;
    await page.locator('#photo').setInputFiles(file);
    const headers = { [HEADER.apiKey]: keys.bench, [HEADER.unit]: 'visitor-1' };
    const request = { url: `${https}/predict`, headers, asForm: true, ...more };
    return page.evaluate<Got>(`upload(${JSON.stringify(request)})`);
  };
  const photo = {
    name: 'Kätzchen "x".png',
    mimeType: 'image/png',
    buffer: Buffer.from(samplePhoto('chelsea.png').bytes),
  };

  it('predicts the photo of its file field and reads the answer, its name and its headers', async () => {
    const { status, body, headers } = await send(allowed, photo);
    expect([status, body?.predictions[0]?.filename]).toEqual([200, photo.name]);
    expect(body?.predictions[0]?.top).toHaveLength(5);
    expect(headers?.[HEADER.requestId]).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers?.['set-cookie']).toBeUndefined();
  });

  it('sends a file without a form, whose name lies about its format', async () => {
    const file = { ...photo, name: 'photo.jpg', mimeType: 'image/jpeg' };
    expect((await send(allowed, file, { asForm: false })).status).toBe(200);
  });

  it.each([
    ['401 without a key', { headers: {} }, photo.buffer, 401, 'missing_credential'],
    ['403 with a wrong key', { headers: { [HEADER.apiKey]: 'hg_wrong' } }, photo.buffer, 403, 'wrong_key'],
    ['413 with a large file', {}, Buffer.alloc(11 * MIB), 413, 'body_too_large'],
    ['415 with what the file is', {}, Buffer.from('GIF89a'), 415, 'unsupported_media_type'],
  ] as const)('reads the problem body of %s', async (_, more, buffer, status, reason) => {
    const got = await send(allowed, { ...photo, buffer }, more);
    expect(got).toMatchObject({
      status,
      body: { status, reason, request_id: got.headers?.[HEADER.requestId] },
    });
  });

  it('is refused by the browser where its origin is not allowed, before the photo is sent', async () => {
    expect(await send(stranger, photo)).toEqual({ failed: 'TypeError: Failed to fetch' });
    expect(await send(stranger, photo, { headers: {} })).toEqual({ failed: 'TypeError: Failed to fetch' });
  });
});
