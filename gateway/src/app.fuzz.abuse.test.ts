import { isReason } from '@headgate/contracts/errors';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fixture } from './testing/app-fixture.ts';
import { jpegHeader, pngHeader, webpHeader } from './testing/images.ts';

/** Within seconds; or (in test:full) as many as go into a few minutes. */
const FULL = process.env.E2E_FULL !== undefined;
const RUNS = FULL ? 150_000 : 1500;
const WITHIN_MS = FULL ? 240_000 : 60_000;
/** Anew each time in test:full; a failure names its seed. */
const SEED = FULL ? Date.now() % 1_000_000 : 1;

const BOUNDARY = 'b7d1f0a2';
const IMAGES = [
  jpegHeader(640, 480),
  pngHeader(640, 480),
  webpHeader('lossy', 640, 480),
  webpHeader('lossless', 64, 64),
  webpHeader('extended', 64, 64),
];

/** What parsers of forms stumble over. */
const SYNTAX = [
  '--',
  `--${BOUNDARY}`,
  `--${BOUNDARY}--`,
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\0',
  '"',
  '\\',
  ';',
  ':',
  '=',
];
const HEADERS = [
  'Content-Disposition: form-data; name="image"; filename="a.png"',
  'Content-Disposition: form-data; name="image"',
  'Content-Disposition: form-data; name="__proto__"',
  "content-disposition:form-data;name=image;filename*=UTF-8''%e2%82%ac.png",
  'Content-Disposition: attachment; name="image"; name="x"',
  'Content-Type: image/png',
  'Content-Type: image/svg+xml',
  'Content-Transfer-Encoding: base64',
  'X: y',
];

const image = fc.constantFrom(...IMAGES).map((bytes) => Buffer.from(bytes));
const content = fc.oneof(
  image,
  image,
  image,
  image,
  image,
  fc.uint8Array({ maxLength: 200 }).map(Buffer.from),
);
const part = fc
  .record({
    headers: fc.oneof(fc.constant([]), fc.array(fc.constantFrom(...HEADERS), { maxLength: 3 })),
    end: fc.oneof(
      { arbitrary: fc.constant('\r\n\r\n'), weight: 12 },
      { arbitrary: fc.constantFrom('\n\n', '\r\n', ''), weight: 1 },
    ),
    content,
  })
  .map((part) =>
    Buffer.concat([
      Buffer.from(`--${BOUNDARY}\r\n${[HEADERS[0], ...part.headers].join('\r\n')}${part.end}`),
      part.content,
      Buffer.from('\r\n'),
    ]),
  );
const form = fc
  .array(part, { minLength: 1, maxLength: 20 })
  .map((parts) => Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)]));

/** A piece that is cut out or doubled, syntax or a byte put there. */
interface Damage {
  readonly at: number;
  readonly kind: 'cut' | 'double' | 'syntax' | 'byte';
  readonly length: number;
  readonly syntax: string;
  readonly byte: number;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat(4000),
  kind: fc.constantFrom('cut' as const, 'double' as const, 'syntax' as const, 'byte' as const),
  length: fc.nat(80),
  syntax: fc.constantFrom(...SYNTAX),
  byte: fc.nat(255),
});

function damaged(body: Buffer, changes: readonly Damage[]): Buffer {
  return changes.reduce((bytes, { at: from, kind, length, syntax, byte }) => {
    const at = from % (bytes.length + 1);
    const [before, piece, after] = [
      bytes.subarray(0, at),
      bytes.subarray(at, at + length),
      bytes.subarray(at + length),
    ];
    if (kind === 'cut') return Buffer.concat([before, after]);
    if (kind === 'double') return Buffer.concat([before, piece, piece, after]);
    if (kind === 'syntax') return Buffer.concat([before, Buffer.from(syntax), piece, after]);
    return Buffer.concat([before, Buffer.from([byte]), bytes.subarray(at + 1)]);
  }, body);
}

const changes = fc.array(damage, { maxLength: 3 });
const boundary = fc.oneof(
  { arbitrary: fc.constant(BOUNDARY), weight: 8 },
  { arbitrary: fc.constantFrom(`"${BOUNDARY}"`, '', 'other', `${BOUNDARY}; charset="`), weight: 1 },
);
const request = fc.oneof(
  fc.record({ body: form, changes, type: boundary.map((value) => `multipart/form-data; boundary=${value}`) }),
  fc.record({ body: content, changes, type: fc.constantFrom('application/octet-stream', 'image/png') }),
);

it(
  `whatever form or image comes, it is answered or refused, and never our mistake (seed ${SEED})`,
  async () => {
    const { send, seen } = await fixture();
    const outcomes = new Map<string, number>();
    const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    const startedMs = performance.now();
    await fc.assert(
      fc.asyncProperty(request, async ({ type, body: whole, changes }) => {
        const body = damaged(whole, changes);
        const response = await send('/predict', { method: 'POST', headers: { 'content-type': type }, body });
        const answer = (await response.json()) as { reason?: string };
        count(response.status === 200 ? 'ok' : (answer.reason as string));
        // One that the app got lost in would be 504 by its own deadline, or the end of this test.
        expect(response.status, answer.reason).toBeLessThan(500);
        if (response.status !== 200) expect(isReason(answer.reason)).toBe(true);
        for (const list of Object.values(seen)) list.length = 0;
      }),
      { numRuns: RUNS, seed: SEED, interruptAfterTimeLimit: WITHIN_MS, markInterruptAsFailure: false },
    );
    const sorted = [...outcomes].sort(([, a], [, b]) => b - a);
    const total = sorted.reduce((sum, [, n]) => sum + n, 0);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(`${total} requests in ${seconds} s: ${sorted.map(([name, n]) => `${n} ${name}`).join(', ')}`);
    // Enough got through to the predictor, and enough did not.
    expect(outcomes.get('ok')).toBeGreaterThan(total / 10);
    expect(outcomes.get('malformed_multipart')).toBeGreaterThan(total / 50);
  },
  WITHIN_MS + 60_000,
);
