import { expect, it } from 'vitest';
import { encodePhoto } from './encode.ts';
import { firstClassIn } from './send.ts';

const photo = { name: 'cat.jpg', bytes: Buffer.from([0xff, 0xd8, 0xff, 0x00, 0x0d, 0x0a]) };

it('sends the photo itself as a raw body', () => {
  expect(encodePhoto(photo, 'raw')).toEqual({ body: photo.bytes, contentType: 'image/jpeg' });
});

it('wraps the photo in a form that any parser reads', async () => {
  const { body, contentType } = encodePhoto(photo, 'form');
  const answer = new Response(new Uint8Array(body), { headers: { 'content-type': contentType } });
  const file = (await answer.formData()).get('image') as File;
  expect(file.name).toBe('cat.jpg');
  expect(Buffer.from(await file.arrayBuffer())).toEqual(photo.bytes);
});

it('puts the photo as base64 into a V2 request', () => {
  const { inputs } = JSON.parse(encodePhoto(photo, 'v2-json').body.toString());
  expect(inputs[0]).toMatchObject({ name: 'image', datatype: 'BYTES', shape: [1, 1] });
  expect(Buffer.from(inputs[0].data[0], 'base64')).toEqual(photo.bytes);
});

it.each([
  ['plain JSON', JSON.stringify({ predictions: [{ class_id: 282 }, { class_id: 285 }] })],
  ['JSON within a JSON string', JSON.stringify({ data: [JSON.stringify([{ class_id: 282, score: 0.4 }])] })],
])('finds the likeliest class in %s', (_kind, body) => {
  expect(firstClassIn(body)).toBe(282);
});

it('takes an answer without a class for none', () => {
  expect(() => firstClassIn('{"detail":"busy"}')).toThrow('no class in {"detail":"busy"}');
});
