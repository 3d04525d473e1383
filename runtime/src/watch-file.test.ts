import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { parseYamlApart, UnfinishedError } from './parse-yaml-apart.ts';
import { readRegularFileSync } from './read-file.ts';
import { FileError, type WatchedFile, type WatchFileOptions, watchFile } from './watch-file.ts';

vi.mock('./parse-yaml-apart.ts', { spy: true });
vi.mock('./read-file.ts', { spy: true });

const schema = z.strictObject({ n: z.number() });

describe('watchFile', () => {
  let dir: string;
  let path: string;
  let events: string[];
  let watched: WatchedFile<{ n: number }> | undefined;

  beforeEach(() => {
    dir = tempDir();
    path = join(dir, 'table.yaml');
    events = [];
    writeFileSync(path, 'n: 1');
  });

  afterEach(() => {
    watched?.stop();
  });

  const start = (options: WatchFileOptions<{ n: number }> = {}) => {
    watched = watchFile(path, (document) => schema.parse(document), {
      pollMs: 20,
      settleMs: 20,
      onChange: (value) => events.push(`n=${value.n}`),
      onError: (error) => events.push(error.issues.join('; ')),
      ...options,
    });
    return watched;
  };

  /** Resolves as soon as `count` events were seen. */
  const until = (count: number) =>
    expect.poll(() => events, { interval: 5, timeout: 5000 }).toHaveLength(count);

  it('reads the first version at once and reports no event for it', () => {
    expect(start().current()).toEqual({ n: 1 });
    expect(events).toEqual([]);
  });

  it('takes an edit in place', async () => {
    const file = start();
    writeFileSync(path, 'n: 2');
    await until(1);
    expect(file.current()).toEqual({ n: 2 });
  });

  it('takes a file that replaces it, even one of the same size and age', async () => {
    const file = start();
    utimesSync(path, 1, 1);
    writeFileSync(join(dir, 'new'), 'n: 3');
    utimesSync(join(dir, 'new'), 1, 1);
    renameSync(join(dir, 'new'), path);
    await until(1);
    expect(file.current()).toEqual({ n: 3 });
  });

  it('takes an edit in place that keeps size and time stamp', async () => {
    utimesSync(path, 1, 1);
    const file = start();
    writeFileSync(path, 'n: 2');
    utimesSync(path, 1, 1);
    await until(1);
    expect(file.current()).toEqual({ n: 2 });
  });

  it('says line and cause of an alias without anchor', () => {
    writeFileSync(path, '# weights\nn: *hunter2');
    expect(() => start()).toThrow('line 2, column 4: an alias (*) without its anchor (&) above it');
  });

  it('takes an edit by its directory event long before the poll comes round', async () => {
    start({ pollMs: 60_000 });
    writeFileSync(path, 'n: 2');
    await until(1);
  });

  it('keeps the last good version while the file is bad, reports each bad one once, and recovers', async () => {
    const file = start();
    writeFileSync(path, 'n: many');
    await until(1);
    expect(file.current()).toEqual({ n: 1 });
    rmSync(path);
    await until(2);
    expect(file.current()).toEqual({ n: 1 });
    writeFileSync(path, 'n: 1');
    await until(3);
    expect(events).toEqual([
      'line 1, column 1: n: Invalid input: expected number, received string',
      'the file cannot be read',
      'n=1',
    ]);
  });

  it('reports once, and takes later, a version whose thread was lost', async () => {
    const file = start();
    const lost = () => Promise.reject(new UnfinishedError('lost'));
    vi.mocked(parseYamlApart).mockImplementationOnce(lost).mockImplementationOnce(lost);
    writeFileSync(path, 'n: 2');
    await until(2);
    expect(events).toEqual(['lost', 'n=2']);
    expect(file.current()).toEqual({ n: 2 });
  });

  it('reports once, and takes later, a version that could not be opened', async () => {
    const file = start();
    const tooMany = () => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    };
    vi.mocked(readRegularFileSync).mockImplementationOnce(tooMany).mockImplementationOnce(tooMany);
    writeFileSync(path, 'n: 2');
    await until(2);
    expect(events).toEqual(['the file cannot be read', 'n=2']);
    expect(file.current()).toEqual({ n: 2 });
  });

  it('outlives a file whose status cannot be asked, and reports each time', async () => {
    start();
    for (const n of [1, 2]) {
      rmSync(path);
      symlinkSync(path, path);
      await until(2 * n - 1);
      rmSync(path);
      writeFileSync(path, 'n: 1');
      await until(2 * n);
    }
    expect(events).toEqual(['expected a regular file', 'n=1', 'expected a regular file', 'n=1']);
  });

  it('says nothing about a touched file whose text is the same', async () => {
    start();
    utimesSync(path, 1, 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(events).toEqual([]);
  });

  it('sees one version only, the last, of a file that is written in pieces', async () => {
    start({ settleMs: 150 });
    for (const piece of ['n:', 'n: 4', 'n: 4', 'n: 42']) {
      writeFileSync(path, piece);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await until(1);
    expect(events).toEqual(['n=42']);
  });

  it('refuses a first version that is missing, wrong or too large', () => {
    expect(() => start({ maxBytes: 3 })).toThrow(/larger than 3 bytes/);
    writeFileSync(path, 'n: x');
    expect(() => start()).toThrow(FileError);
    rmSync(path);
    expect(() => start()).toThrow(/cannot be read/);
  });

  it('reads no device and no directory: they have no size that could be too large', () => {
    rmSync(path);
    symlinkSync('/dev/null', path);
    expect(() => start()).toThrow(/expected a regular file/);
    rmSync(path);
    mkdirSync(path);
    expect(() => start()).toThrow(/expected a regular file/);
  });

  it('takes a large version, while the event loop goes on', async () => {
    const file = start();
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    writeFileSync(path, `${'# a comment\n'.repeat(50_000)}n: 2`);
    await until(1);
    clearInterval(timer);
    expect(file.current()).toEqual({ n: 2 });
    expect(turns).toBeGreaterThan(10);
  });

  it('never quotes the file in what it reports', () => {
    writeFileSync(path, 'n: "hunter2\n  - }');
    expect(() => start()).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });

  it('sees nothing any more after stop', async () => {
    const file = start();
    file.stop();
    writeFileSync(path, 'n: 2');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(file.current()).toEqual({ n: 1 });
    expect(events).toEqual([]);
  });
});
