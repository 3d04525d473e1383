import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { answerOf } from './testing/answers.ts';
import { CONFIG, fixture, KEYS } from './testing/app-fixture.ts';

const photo = await sharp({ create: { width: 16, height: 16, channels: 3, background: '#369' } })
  .jpeg()
  .toBuffer();
const png = await sharp(photo).png().toBuffer();
const ZIP = Buffer.from('PK\x03\x04 evil.class PK\x05\x06', 'latin1');
const SCRIPT = '<script>alert(1)</script>';
const image = { method: 'POST', headers: { 'content-type': 'application/octet-stream' } };

/** A comment after the start of a JPEG. */
function withComment(text: string): Buffer {
  const length = text.length + 2;
  return Buffer.concat([photo.subarray(0, 2), Buffer.from([0xff, 0xfe, length >> 8, length & 0xff]), Buffer.from(text), photo.subarray(2)]); // biome-ignore format: one segment
}

describe('a file that is two things at once', () => {
  it.each([
    ['a JPEG with an archive behind it', Buffer.concat([photo, ZIP])],
    ['a PNG with an archive behind it', Buffer.concat([png, ZIP])],
    ['a JPEG with a document in its comment', withComment('%PDF-1.7\n1 0 obj')],
    ['a JPEG with a page in its comment', withComment(`<html>${SCRIPT}</html>`)],
    ['a JPEG with a program in its comment', withComment('#!/bin/sh\nid\n')],
  ])('is the image that its first bytes show, and is never given back: %s', async (_, body) => {
    const { send, seen } = await fixture();
    const response = await send('/predict', { ...image, body });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.text()).not.toMatch(/script|PDF|PK|bin\/sh/);
    expect(seen.calls).toHaveLength(1);
  });

  it.each([
    ['a GIF that is an archive', Buffer.concat([Buffer.from('GIF89a'), photo, ZIP])],
    ['a document with a JPEG in it', Buffer.concat([Buffer.from('%PDF-1.7\n'), photo])],
    ['a page with a JPEG in it', Buffer.concat([Buffer.from(SCRIPT), photo])],
    ['a picture that is a program', Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg">${SCRIPT}</svg>`)],
    ['a picture that reads files', Buffer.from('<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>')],
    ['an archive', ZIP],
    ['a JPEG behind a byte order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), photo])],
  ])('is refused where its first bytes show no image: %s', async (_, body) => {
    const { send, seen } = await fixture();
    expect((await send('/predict', { ...image, body })).status).toBe(415);
    expect(seen.calls).toEqual([]);
  }); // biome-ignore format: one file a line

  it.each(['image/svg+xml', 'image/gif', 'image/tiff', 'application/zip', 'text/html'])(
    'is the image that its first bytes show also when it is declared as %s, and the answer is JSON',
    async (type) => {
      const { send } = await fixture();
      const form = new FormData();
      form.append('image', new Blob([photo], { type }), 'a.jpg');
      for (const init of [
        { ...image, headers: { 'content-type': type }, body: photo },
        { method: 'POST', body: form },
      ]) {
        const { status, headers } = await send('/predict', init);
        expect([status, headers.get('content-type')]).toEqual([200, 'application/json']);
      }
    },
  );
});

describe('what a photo says about its owner', () => {
  it('is in no log, no record and no answer', async () => {
    const { send, seen } = await fixture();
    const place = 'GPS 47.3769N 8.5417E';
    const body = await sharp(photo)
      .withExif({ IFD0: { Artist: place, Copyright: place } })
      .jpeg()
      .toBuffer();
    expect(body.includes(place)).toBe(true);
    const answers = [
      await send('/predict', { ...image, body }),
      await send('/predict', { ...image, body: body.subarray(0, -10) }),
      await send('/predict', { ...image, body: Buffer.concat([Buffer.from('x'), body]) }),
    ];
    for (const answer of answers) expect(await answer.text()).not.toContain(place);
    const { calls: _, ...told } = seen;
    expect(JSON.stringify(told)).not.toContain(place);
    expect(told.requests).toHaveLength(3);
  });
});

describe('the headers of an answer', () => {
  const PROTECTIVE = {
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  };

  it.each([
    ['a prediction', '/predict', { ...image, body: photo }, 200],
    ['a refused image', '/predict', { ...image, body: ZIP }, 415],
    ['a caller with a wrong key', '/predict', { ...image, headers: { 'x-api-key': 'wrong' } }, 403],
    ['an unknown address', '/nothing', {}, 404],
    ['a wrong method', '/predict', { method: 'DELETE' }, 405],
    ['a list', '/v1/models', {}, 200],
    ['the tensor protocol', '/v2/health/live', {}, 200],
  ])('let browsers guess nothing, run nothing and keep nothing: %s', async (_, path, init, status) => {
    const { send } = await fixture();
    const response = await send(path, init);
    expect([response.status, Object.fromEntries(Object.keys(PROTECTIVE).map((name) => [name, response.headers.get(name)]))]).toEqual([status, PROTECTIVE]); // biome-ignore format: one line
    for (const telling of ['server', 'x-powered-by', 'via'])
      expect(response.headers.has(telling)).toBe(false);
  });

  it('of the page of the documentation allow its style and one script of this server, and nothing else', async () => {
    const { app } = await fixture({ config: { ...CONFIG, docs_public: true } });
    const page = await app.request('/docs', {}, { ip: '192.0.2.1' });
    const policy = page.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'; style-src 'unsafe-inline'");
    expect(policy).toContain("script-src 'self'; img-src data:; connect-src 'self'");
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    const text = await page.text();
    expect(text.match(/<script.*?>/g)).toEqual(['<script src="/docs/script.js">']);
    expect(text).not.toMatch(/https?:|\son\w+=|javascript:/i);
  });

  it('cannot be written by a caller', async () => {
    const { send } = await fixture();
    const form = new FormData();
    form.append('image', new Blob([photo]), 'a\r\nset-cookie: a=b\r\n\r\n<b>.jpg');
    const response = await send('/predict?x=%0d%0aset-cookie:%20a=b', {
      method: 'POST',
      body: form,
      headers: { 'x-request-id': 'a%0d%0aset-cookie: a=b', 'x-headgate-unit': 'u%0d%0aset-cookie:a=b', 'x-api-key': KEYS.bench },
    }); // biome-ignore format: what a caller may write
    expect(response.status).toBe(200);
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect((await answerOf(response)).predictions[0]?.filename).not.toMatch(/[\r\n]/);
  });
});

it('a form is refused with more fields than one of ours could need', async () => {
  const { send } = await fixture();
  const form = new FormData();
  for (let i = 0; i < 17; i += 1) form.append(`f${i}`, 'x');
  form.append('image', new Blob([photo]), 'a.jpg');
  const response = await send('/predict', { method: 'POST', body: form });
  expect([response.status, await response.json()]).toMatchObject([400, { reason: 'malformed_multipart' }]);
});
