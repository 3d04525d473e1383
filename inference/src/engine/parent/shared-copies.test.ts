import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelFile } from '@headgate/contracts/manifest';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, expect, it, vi } from 'vitest';
import { withCopies } from './shared-copies.ts';

vi.mock('node:fs/promises', { spy: true });

const FILES: readonly ModelFile[] = [{ path: 'weights', sha256: '0'.repeat(64), bytes: 1 }];
const log = { warn: vi.fn() };
const use = (start = async (folder: string, release: () => Promise<void>) => ({ folder, release })) =>
  withCopies(FILES, log, start);

let dir: string;
beforeEach(() => {
  dir = tempDir();
  vi.stubEnv('TMPDIR', dir);
  log.warn.mockClear();
  return () => void vi.unstubAllEnvs();
});

it('shares a folder, and removes it with its last user', async () => {
  const [one, other] = await Promise.all([use(), use()]);
  expect(other.folder).toBe(one.folder);
  await one.release();
  await one.release();
  expect(existsSync(one.folder)).toBe(true);
  await other.release();
  expect(existsSync(one.folder)).toBe(false);
});

it('tries again where no folder could be made', async () => {
  vi.stubEnv('TMPDIR', join(dir, 'absent'));
  const both = await Promise.allSettled([use(), use()]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  vi.stubEnv('TMPDIR', dir);
  const { folder, release } = await use();
  expect(existsSync(folder)).toBe(true);
  await release();
});

it('removes the folder of an engine that could not be started', async () => {
  let made = '';
  const starting = use((folder) => {
    made = folder;
    throw new Error('fork failed');
  });
  await expect(starting).rejects.toThrow('fork failed');
  expect(made).not.toBe('');
  expect(existsSync(made)).toBe(false);
});

it('only warns of a folder that cannot be removed', async () => {
  const { folder, release } = await use();
  vi.mocked(rm).mockRejectedValueOnce(new Error('busy'));
  await release();
  expect(log.warn).toHaveBeenCalledWith(expect.objectContaining({ folder }), expect.any(String));
});
