import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { HEADER } from '@headgate/contracts/names';
import { browserObstacle, launchBrowser } from '@headgate/testkit/browser';
import { describe, expect, inject, it } from 'vitest';

const { ready } = inject('stack');
const url = `${ready.https}/predict`;
const ca = readFileSync(ready.caFile as string);

const KIB = 1024;
const ABOVE = 11 * KIB * KIB;
/** As much as is read of a refused body. */
const MOST = 64 * KIB * KIB;

interface Upload {
  readonly bytes: number;
  readonly inChunks?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

function* pieces(bytes: number): Generator<Buffer> {
  for (let sent = 0; sent < bytes; sent += 64 * KIB) yield Buffer.alloc(Math.min(64 * KIB, bytes - sent));
}

const headersOf = ({ bytes, inChunks, headers }: Upload) => ({
  'content-type': 'image/jpeg',
  [HEADER.apiKey]: ready.keys.bench,
  ...(!inChunks && { 'content-length': String(bytes) }),
  ...headers,
});

async function byHttps(upload: Upload) {
  const outgoing = request(url, { method: 'POST', ca, headers: headersOf(upload) });
  const send = () => Readable.from(pieces(upload.bytes)).pipe(outgoing);
  if (upload.headers?.expect) {
    outgoing.on('continue', send).flushHeaders();
  } else send();
  const [answer] = await once(outgoing, 'response');
  return [answer.statusCode, JSON.parse(await text(answer)).reason];
}

async function byHttp2(upload: Upload) {
  const session = connectHttp2(ready.https as string, { ca });
  const stream = session.request({ ':method': 'POST', ':path': '/predict', ...headersOf(upload) });
  const send = () => Readable.from(pieces(upload.bytes)).pipe(stream);
  if (upload.headers?.expect) stream.on('continue', send);
  else send();
  const [headers] = await once(stream, 'response');
  const { reason } = JSON.parse(await text(stream));
  session.destroy();
  return [headers[':status'], reason];
}

describe.each([
  ['https', byHttps],
  ['http2', byHttp2],
])('A body that is refused, sent by %s of Node', (_, send) => {
  it.each([
    ['above the limit', { bytes: ABOVE }],
    ['above the limit, in chunks', { bytes: ABOVE, inChunks: true }],
    [
      'above the limit, held back until it is asked for',
      { bytes: ABOVE, headers: { expect: '100-continue' } },
    ],
    ['as long as is read to its end', { bytes: MOST }],
    ['as long as is read to its end, in chunks', { bytes: MOST, inChunks: true }],
  ])('is answered with 413: %s', async (_, upload) => {
    expect(await send(upload)).toEqual([413, 'body_too_large']);
  });

  it('is answered with 413 also when it announces more than is read', async () => {
    // Nothing is sent but the head: whoever sends so much reads while it sends, or not at all.
    const upload = { bytes: 0, headers: { 'content-length': String(4 * MOST), expect: '100-continue' } };
    expect(await send(upload)).toEqual([413, 'body_too_large']);
  });
});

/** The same origin, whose policy for pages is not what is tested here. */
describe.skipIf(browserObstacle() !== undefined)('A body that is refused, sent by a page in Chromium', () => {
  it.each([
    ['HTTP/2', []],
    ['HTTP/1.1', ['--disable-http2']],
  ])('is answered with 413 over %s', async (_, args) => {
    const browser = await launchBrowser(args);
    try {
      const context = await browser.newContext({ ignoreHTTPSErrors: true, bypassCSP: true });
      const page = await context.newPage();
      await page.goto(`${ready.https}/nothing`);
      for (const bytes of [ABOVE, 2 * ABOVE]) {
        const seen = await page.evaluate(
          async ([path, key, size]) => {
            const headers = { 'content-type': 'image/jpeg', 'x-api-key': String(key) };
            const answer = await fetch(String(path), {
              method: 'POST',
              headers,
              body: new Uint8Array(Number(size)),
            });
            return [answer.status, ((await answer.json()) as { reason: string }).reason];
          },
          ['/predict', ready.keys.bench, bytes],
        );
        expect(seen).toEqual([413, 'body_too_large']);
      }
    } finally {
      await browser.close();
    }
  });
});
