import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { promisedBeforeKill, testSpool, textOf } from '../testing/spool.ts';
import { encodeFrames, FRAME_HEADER_BYTES, scanFrames } from './frame.ts';

const payloads = fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 20 });
const framesOf = (list: readonly Uint8Array[]) =>
  list.map((payload, i) => ({ sequence: i + 1, kind: 'record' as const, payload: Buffer.from(payload) }));

it('reads back what was written', () => {
  fc.assert(
    fc.property(payloads, (list) => {
      const frames = framesOf(list);
      const bytes = encodeFrames(frames);
      expect(scanFrames(bytes)).toEqual({ frames, end: bytes.byteLength, damagedBytes: 0 });
    }),
  );
});

it('keeps every whole frame before a cut at any byte', () => {
  fc.assert(
    fc.property(payloads, fc.nat(), (list, at) => {
      const frames = framesOf(list);
      const bytes = encodeFrames(frames);
      const cut = at % (bytes.byteLength + 1);
      let end = 0;
      const whole = frames.filter(({ payload }) => {
        end += FRAME_HEADER_BYTES + payload.byteLength;
        return end <= cut;
      });
      expect(scanFrames(bytes.subarray(0, cut)).frames).toEqual(whole);
    }),
  );
});

it('loses only the frames that a damage touches, and invents none', () => {
  fc.assert(
    fc.property(
      payloads,
      fc.nat(),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 255 }),
      (list, at, length, flip) => {
        const frames = framesOf(list);
        const bytes = encodeFrames(frames);
        const from = at % bytes.byteLength;
        const to = Math.min(from + length, bytes.byteLength);
        for (let i = from; i < to; i++) bytes[i] = (bytes[i] ?? 0) ^ flip;
        let start = 0;
        const untouched = frames.filter(({ payload }) => {
          const [begin, end] = [start, start + FRAME_HEADER_BYTES + payload.byteLength];
          start = end;
          return end <= from || begin >= to;
        });
        expect(scanFrames(bytes).frames).toEqual(untouched);
      },
    ),
  );
});

it('opens again after a cut at any byte of its last file, with everything before it, and goes on', async () => {
  const parent = tempDir();
  await fc.assert(
    fc.asyncProperty(payloads, fc.nat(), async (list, at) => {
      const dir = mkdtempSync(join(parent, 'spool-'));
      const first = await testSpool({ dir });
      for (const payload of list) first.spool.append(payload);
      await first.spool.close();
      const log = join(dir, readdirSync(dir).find((name) => name.endsWith('.log')) as string);
      const size = readFileSync(log).byteLength;
      truncateSync(log, at % (size + 1));
      const whole = scanFrames(readFileSync(log)).frames.map(textOf);

      const { spool } = await testSpool({ dir });
      const sequence = await spool.appendDurable(Buffer.from('next'));
      const read: string[] = [];
      for (let batch = await spool.reader.read(7); batch.length > 0; batch = await spool.reader.read(7)) {
        read.push(...batch.map(textOf));
        await spool.reader.acknowledge(batch.at(-1)?.sequence ?? 0);
      }
      expect(read).toEqual([...whole, 'next']);
      expect(sequence).toBe(whole.length + 1);
      await spool.close();
      rmSync(dir, { recursive: true });
    }),
    { numRuns: 25 },
  );
});

/** Appends durable records for ever, and prints each number once it is promised. */
const WRITER = (dir: string) => `
import { openSpool, SPOOL_DEFAULTS } from ${JSON.stringify(new URL('./spool.ts', import.meta.url).href)};
const clock = { monotonicMs: () => performance.now(), epochMs: () => Date.now() };
const report = { written() {}, dropped() {}, damaged() {} };
const limits = { ...SPOOL_DEFAULTS, maxBytes: 1e9, segmentBytes: 20_000 };
const spool = await openSpool({ dir: ${JSON.stringify(dir)}, clock, report, limits });
for (let i = 0; ; i++) {
  spool.append(Buffer.from('prediction'));
  process.stdout.write(await spool.appendDurable(Buffer.from('durable ' + i)) + '\\n');
}`;

it('loses no durable record when its process is killed, and is taken over at once', async () => {
  const dir = tempDir();
  const promised = (await promisedBeforeKill(dir, WRITER(dir), 2000)).map(Number);
  expect(promised.length).toBeGreaterThan(100);

  const { spool } = await testSpool({ dir });
  const kept = new Set<number>();
  for (let batch = await spool.reader.read(500); batch.length > 0; batch = await spool.reader.read(500)) {
    for (const { sequence, payload } of batch) {
      if (textOf({ payload }).startsWith('durable')) kept.add(sequence);
    }
    await spool.reader.acknowledge(batch.at(-1)?.sequence ?? 0);
  }
  expect(promised.filter((sequence) => !kept.has(sequence))).toEqual([]);
  await spool.close();
});
