import { HeadgateError } from '@headgate/contracts/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDisposition } from './disposition.ts';
import { parseMediaType } from './media-type.ts';
import { imagesOf } from './multipart.ts';

const encoder = new TextEncoder();

/** Pieces of multipart syntax in any order: closer to a form than random bytes are. */
const pieces = fc
  .array(
    fc.oneof(
      fc.constantFrom('--x', '--x--', '\r\n', '\r\n\r\n', '--', '\n', ';', '"', '\\', ':'),
      fc.constantFrom(
        'Content-Disposition: form-data; name="image"',
        '; filename="a"',
        'Content-Type: image/png',
      ),
      fc.string({ maxLength: 10 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => encoder.encode(`--x\r\n${parts.join('')}`));

describe('whatever a form holds', () => {
  it.each([
    ['pieces of its syntax', pieces],
    ['any bytes', fc.uint8Array({ maxLength: 300 })],
  ])('%s: it is read or refused, and nothing else is thrown', (_, bodies) => {
    fc.assert(
      fc.property(bodies, (body) => {
        try {
          const images = imagesOf(body, { boundary: 'x', maxImages: 4 });
          expect(images.length).toBeGreaterThan(0);
          expect(images.length).toBeLessThanOrEqual(4);
        } catch (error) {
          if (!(error instanceof HeadgateError)) throw error;
          expect(error.httpStatus).toBe(400);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('what was put in comes out, whatever it is', () => {
    const contents = fc.array(fc.uint8Array({ maxLength: 100 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(contents, (blobs) => {
        const boundary = 'b7d1f0a2';
        const part = `--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n`;
        const chunks = blobs.flatMap((blob) => [encoder.encode(part), blob, encoder.encode('\r\n')]);
        const body = Buffer.concat([...chunks, encoder.encode(`--${boundary}--`)]);
        const images = imagesOf(body, { boundary, maxImages: 5 });
        expect(images.map(({ bytes }) => [...bytes])).toEqual(blobs.map((blob) => [...blob]));
      }),
    );
  });
});

describe('whatever a header says', () => {
  it('a file name comes out without path, control characters and excess', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const { filename } = parseDisposition(`form-data; name="image"; filename="${text}"`);
        expect(filename ?? '').not.toMatch(/[/\\\p{Cc}]/u);
        expect((filename ?? '').length).toBeLessThanOrEqual(255);
      }),
      { numRuns: 2000 },
    );
  });

  // Catastrophic backtracking would not end within the time that a test may take.
  it.each([
    ['; name="'.repeat(500)],
    [`; name="${'\\'.repeat(4000)}`],
    [`${'; '.repeat(2000)}boundary=`],
    [`; boundary="${'a'.repeat(4000)}`],
  ])('it is read at once: %#', (hostile) => {
    expect(parseDisposition(hostile).filename).toBeUndefined();
    expect(parseMediaType(hostile).boundary).toBeUndefined();
  });
});
