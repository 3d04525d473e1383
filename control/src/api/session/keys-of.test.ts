import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { expect, it, onTestFinished, vi } from 'vitest';
import { keysOf } from './keys-of.ts';

const RECORD = { id: 'admin1', sha256: 'a'.repeat(64), name: 'An admin', role: 'admin' };
const SOON = { timeout: 10_000 };

it('takes a keys file that appears after the start, and says each problem once until then', async () => {
  const path = join(tempDir(), 'keys.yaml');
  const [info, error] = [vi.fn(), vi.fn()];
  const keys = keysOf(path, { info, error });
  onTestFinished(() => keys.stop());
  expect([keys.find('admin1'), error.mock.calls.length]).toEqual([undefined, 1]);
  writeText(path, 'keys: [');
  await expect.poll(() => error.mock.calls.length, SOON).toBe(2);
  writeText(path, JSON.stringify({ keys: [RECORD] }));
  await expect.poll(() => keys.find('admin1')?.role, SOON).toBe('admin');
  expect([error.mock.calls.length, info.mock.calls]).toEqual([2, [[{ keys: 1 }, 'key records in force']]]);
});
