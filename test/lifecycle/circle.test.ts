import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { REDUCED, runCircle } from './circle/circle.ts';

/** `npm run demo:lifecycle` runs the whole. */
it('a trained version replaces the one that is served, and goes back, without a failed request', async ({
  signal,
}) => {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-circle-'));
  try {
    const { entries } = await runCircle({ dir, size: REDUCED, say: (line) => console.log(line), signal });
    const result = (step: string) => entries.find((entry) => entry.step.startsWith(step))?.result;
    expect(result('approve')).toMatch(/^accuracy \+.* 0 failed$/);
    expect(result('roll back')).toMatch(/^version 2 to 1 in .*; 0 of \d+ requests failed$/);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}, 600_000);
