import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '@headgate/contracts/manifest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareGolden } from './golden.ts';

const BYTES = Buffer.from('a picture');
const SHA = createHash('sha256').update(BYTES).digest('hex');
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'headgate-golden-'));
  writeFileSync(join(dir, 'a.png'), BYTES);
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Compares an answer of (class, score) pairs with a recorded one. */
function compare(answered: [number, number][], recorded: [number, number][], file = 'a.png', sha256 = SHA) {
  const top = recorded.map(([class_id, score]) => ({ class_id, score }));
  const manifest = { golden: { tolerance: 0.05, samples: [{ file, sha256, top }] } } as unknown as Manifest;
  const classes = {
    classIds: Int32Array.from(answered.map(([id]) => id)),
    scores: Float32Array.from(answered.map(([, score]) => score)),
  };
  return compareGolden({ manifest, dirs: [join(dir, 'nowhere'), dir], classify: async () => classes });
}

describe('compareGolden', () => {
  it('accepts scores within the tolerance and reports the largest difference', async () => {
    const result = await compare([[7, 0.9], [1, 0.06]], [[7, 0.93], [1, 0.02]]); // biome-ignore format: pairs
    expect(result).toMatchObject({ compared: 1, skipped: [] });
    expect(result.largestDifference).toBeCloseTo(0.04, 5);
  });

  it('refuses a score beyond the tolerance', async () => {
    await expect(compare([[7, 0.8]], [[7, 0.93]])).rejects.toThrow(/a\.png: the answer differs by 0\.130/);
  });

  it('refuses another first class, unless the recorded first two were as close as the tolerance', async () => {
    await expect(compare([[1, 0.45], [7, 0.44]], [[7, 0.48], [1, 0.41]])).rejects.toThrow(/first class/); // biome-ignore format: pairs
    const close = await compare([[1, 0.45], [7, 0.44]], [[7, 0.45], [1, 0.44]]); // biome-ignore format: pairs
    expect(close.compared).toBe(1);
  });

  it('counts a class that is missing from the answer at its upper bound', async () => {
    await expect(compare([[7, 0.9], [2, 0.01]], [[7, 0.9], [1, 0.09]])).rejects.toThrow(/0\.080/); // biome-ignore format: pairs
    expect((await compare([[7, 0.9], [2, 0.05]], [[7, 0.9], [1, 0.09]])).compared).toBe(1); // biome-ignore format: pairs
  });

  it('skips and names a sample that is absent, or is not the recorded file', async () => {
    expect(await compare([[7, 0]], [[7, 1]], 'b.png')).toMatchObject({ compared: 0, skipped: ['b.png'] });
    expect(await compare([[7, 0]], [[7, 1]], 'a.png', 'other')).toMatchObject({ skipped: ['a.png'] });
  });

  it('skips a pipe and a device, at once', async () => {
    execFileSync('mkfifo', [join(dir, 'pipe.png')]);
    symlinkSync('/dev/zero', join(dir, 'device.png'));
    for (const file of ['pipe.png', 'device.png']) {
      expect(await compare([[1, 0.9]], [[1, 0.9]], file)).toMatchObject({ compared: 0, skipped: [file] });
    }
  });
});
