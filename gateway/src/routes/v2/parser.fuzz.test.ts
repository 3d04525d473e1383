import { HeadgateError } from '@headgate/contracts/errors';
import { elementCount } from '@headgate/contracts/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CorpusCase, corpus } from '../../testing/corpus.ts';
import { bodyOf, type Form, sampleTensors } from '../../testing/tensors.ts';
import { readInferRequest } from './infer-request.ts';
import { frameOf } from './read-tensors.ts';

/**
 * Breaks what is valid, or what was thought of already, and looks for anything but a refusal. What it finds goes into
 * the corpus, as a file of its own.
 */
const RUNS = process.env.E2E_FULL ? 200_000 : 3000;
const MAX_JSON_BYTES = 1024 * 1024;

interface Sent {
  readonly body: Uint8Array;
  readonly headerLength: string | undefined;
}

const valid: fc.Arbitrary<Sent> = fc
  .tuple(sampleTensors, fc.constantFrom<Form>('flat', 'nested', 'binary'))
  .map(([tensors, form]) => {
    const { body, headers } = bodyOf(tensors, () => form);
    return { body, headerLength: headers['inference-header-content-length'] };
  });
/** Larger ones would make each run slow, and the deepest cannot be written again once it is parsed. */
const known = corpus().filter(({ body }) => body.byteLength < 8192);
const seeds = fc.oneof(valid, fc.constantFrom<CorpusCase[]>(...known));

/** Values that parsers stumble over. */
const nasty = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    '__proto__',
    -0,
    -1,
    0.5,
    1e308,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    2 ** 63,
  ),
  fc.constantFrom<unknown>(
    [],
    {},
    [[]],
    [null],
    { length: 2 ** 32 },
    { toString: 1 },
    'FP32',
    'BYTES',
    'INT64',
    '\ud800',
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

/** Breaks the JSON at a place: replaces, drops, doubles or renames a member. */
const breakJson = fc
  .record({ place: fc.nat(), how: fc.constantFrom('replace', 'drop', 'double', 'rename'), value: nasty })
  .map(({ place, how, value }) => ({ body, headerLength }: Sent): Sent => {
    const end = headerLength === undefined ? body.byteLength : Number(headerLength);
    const json = parsed(body.subarray(0, end));
    if (json === undefined) return { body, headerLength };
    const holders = holdersIn(json);
    const [holder, key] = holders[place % Math.max(1, holders.length)] ?? [];
    if (holder === undefined || key === undefined) return { body, headerLength };
    if (how === 'replace') holder[key] = value;
    if (how === 'drop') delete holder[key];
    if (how === 'rename' && !Array.isArray(holder))
      holder[typeof value === 'string' ? value : 'renamed'] = holder[key];
    if (how === 'double' && Array.isArray(holder)) holder.push(holder[Number(key)]);
    const head = Buffer.from(JSON.stringify(json));
    const header = headerLength === undefined ? undefined : String(head.byteLength);
    return { body: Buffer.concat([head, body.subarray(end)]), headerLength: header };
  });

/** Breaks the bytes: flips one, cuts the end off, adds some. */
const breakBytes = fc
  .record({ at: fc.nat(), byte: fc.nat(255), how: fc.constantFrom('flip', 'cut', 'add') })
  .map(({ at, byte, how }) => ({ body, headerLength }: Sent): Sent => {
    const place = at % Math.max(1, body.byteLength);
    const broken = new Uint8Array(body);
    if (how === 'flip') broken[place] = byte;
    if (how === 'cut') return { body: broken.subarray(0, place), headerLength };
    if (how === 'add') return { body: Buffer.concat([broken, Uint8Array.of(byte)]), headerLength };
    return { body: broken, headerLength };
  });

const breakHeader = fc
  .oneof(
    fc.integer({ min: -5, max: 300 }).map(String),
    fc.string({ maxLength: 12 }),
    fc.constantFrom('', '1e2', '+5', '0x1f', '9007199254740993', 'NaN', ' 5', '5 '),
  )
  .map(
    (headerLength) =>
      ({ body }: Sent): Sent => ({ body, headerLength }),
  );

const breakage = fc.oneof(
  { weight: 6, arbitrary: breakJson },
  { weight: 3, arbitrary: breakBytes },
  breakHeader,
);

const brokenBodies: fc.Arbitrary<Sent> = fc
  .tuple(seeds, fc.array(breakage, { minLength: 1, maxLength: 3 }))
  .map(([seed, breakages]) => breakages.reduce((sent, breakIt) => breakIt(sent), seed as Sent));

describe('the parser of tensor requests', () => {
  it('accepts or refuses whatever it is sent, and never fails', { timeout: 300_000 }, () => {
    const seen = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(brokenBodies, (sent) => {
        try {
          expectWhole(
            readInferRequest(
              frameOf({ bytes: sent.body, headerLength: sent.headerLength, maxJsonBytes: MAX_JSON_BYTES }),
            ),
          );
          seen.accepted += 1;
        } catch (error) {
          if (!(error instanceof HeadgateError)) throw error;
          expect([400, 413]).toContain(error.httpStatus);
          expect(error.detail.length).toBeLessThan(400);
          seen.refused += 1;
        }
      }),
      { numRuns: RUNS },
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    // Both happen a lot; otherwise the breakages are too hard, or too soft.
    expect(seen.accepted).toBeGreaterThan(RUNS / 50);
    expect(seen.refused).toBeGreaterThan(RUNS / 4);
  });
});

/** What is accepted has one block for each input, and none where no shape allows one. */
function expectWhole({ message }: ReturnType<typeof readInferRequest>): void {
  const { inputs = [], raw_input_contents = [] } = message;
  expect(raw_input_contents.length).toBe(inputs.length);
  for (const { shape = [] } of inputs) expect(elementCount(shape.map(Number))).toBeGreaterThan(0);
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}

type Holder = Record<string, unknown>;

/** Every member of every object and list, as its holder and its key. */
function holdersIn(value: unknown): [Holder, string][] {
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(value).slice(0, 50);
  return entries.flatMap(
    ([key, member]) => [[value as Holder, key], ...holdersIn(member)] as [Holder, string][],
  );
}
