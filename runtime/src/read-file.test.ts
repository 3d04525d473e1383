import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Links, readRegularFile, readRegularFileSync } from './read-file.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = tempDir();
  path = join(dir, 'file');
});

const FORMS = [
  ['readRegularFile', readRegularFile],
  ['readRegularFileSync', readRegularFileSync],
] as const;

describe.each(FORMS)('%s', (_, readIt) => {
  const read = async (links?: Links, maxBytes = 200_000) =>
    (await readIt(path, { maxBytes, ...(links && { links }) })).toString();

  it('reads a file up to its bound', async () => {
    writeFileSync(path, 'x'.repeat(200_000));
    expect(await read()).toHaveLength(200_000);
    appendFileSync(path, 'x');
    await expect(async () => read()).rejects.toThrow('larger than 200000 bytes');
  });

  it('reads a hard link: it is the file', async () => {
    writeFileSync(join(dir, 'other'), 'content');
    linkSync(join(dir, 'other'), path);
    expect(await read('refuse')).toBe('content');
  });

  it.each<[string, () => unknown]>([
    ['a folder', () => mkdirSync(path)],
    ['a pipe that nobody writes to', () => execFileSync('mkfifo', [path])],
    ['a link to a device without end', () => symlinkSync('/dev/zero', path)],
    ['a link to a terminal', () => symlinkSync('/dev/tty', path)],
    ['a socket', () => once(createServer().listen(path).unref(), 'listening')],
  ])('refuses %s at once', async (_, make) => {
    await make();
    await expect(async () => read()).rejects.toThrow(/expected a regular file|no such device/);
  });

  it.each(['/proc/kallsyms', '/proc/self/smaps'])('stops in %s, whose size says 0', async (target) => {
    symlinkSync(target, path);
    await expect(async () => read('follow', 1000)).rejects.toThrow('larger than 1000 bytes');
  });

  it('stops in a file of a terabyte without a byte on disk', async () => {
    writeFileSync(path, '');
    truncateSync(path, 2 ** 40);
    await expect(async () => read()).rejects.toThrow('larger than 200000 bytes');
  });

  it('follows a link, unless links are refused', async () => {
    writeFileSync(join(dir, 'other'), 'content');
    symlinkSync('other', path);
    expect(await read()).toBe('content');
    await expect(async () => read('refuse')).rejects.toThrow('expected a regular file');
  });
});
