import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ALICE, allOf, imageOf, keyOf, testCaptureStore } from '../testing/captures.ts';
import { folderStore } from './folder-store.ts';
import { pathOf } from './store.ts';

let dir: string;
beforeEach(() => {
  dir = tempDir();
});

const { signal } = new AbortController();
const KEY = keyOf('2030-01-01', ALICE, imageOf(1));

describe('images in a folder', () => {
  testCaptureStore(async () => folderStore(join(dir, 'captures')));

  it('are for their owner alone', async () => {
    await folderStore(dir).put(KEY, imageOf(1), signal);
    expect(statSync(join(dir, pathOf(KEY))).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, KEY.day)).mode & 0o777).toBe(0o700);
  });

  it('are whole or not there: nothing is left of a write that failed', async () => {
    mkdirSync(join(dir, pathOf(KEY)), { recursive: true });
    const other = keyOf(KEY.day, ALICE, imageOf(2));
    rmSync(join(dir, KEY.day), { recursive: true });
    mkdirSync(join(dir, KEY.day));
    writeFileSync(join(dir, KEY.day, ALICE), 'in the way');
    await expect(folderStore(dir).put(other, imageOf(2), signal)).rejects.toThrow();
    expect(readdirSync(join(dir, KEY.day))).toEqual([ALICE]);
  });

  it('are not taken for what else lies there', async () => {
    await folderStore(dir).put(KEY, imageOf(1), signal);
    mkdirSync(join(dir, 'other'));
    writeFileSync(join(dir, KEY.day, ALICE, '.unfinished'), 'x');
    writeFileSync(join(dir, KEY.day, 'file'), 'x');
    expect(await allOf(folderStore(dir))).toMatchObject([KEY]);
  });

  it('are on the disk before they have their name', async () => {
    const file = await open(join(dir, 'any'), 'w');
    await file.close();
    const named: boolean[] = [];
    const sync = vi.spyOn(Object.getPrototypeOf(file), 'sync').mockImplementation(async () => {
      named.push(existsSync(join(dir, pathOf(KEY))));
    });
    onTestFinished(() => sync.mockRestore());
    await folderStore(dir).put(KEY, imageOf(1), signal);
    expect(named).toEqual([false]);
  });

  it('take the place of what is left of them', async () => {
    mkdirSync(join(dir, KEY.day, ALICE), { recursive: true });
    writeFileSync(join(dir, pathOf(KEY)), '');
    await folderStore(dir).put(KEY, imageOf(1), signal);
    expect(readFileSync(join(dir, pathOf(KEY)))).toEqual(imageOf(1));
  });

  it('leave no trace of their unit once the last one is removed', async () => {
    const store = folderStore(dir);
    const other = keyOf(KEY.day, ALICE, imageOf(2));
    await store.put(KEY, imageOf(1), signal);
    await store.put(other, imageOf(2), signal);
    await store.remove(KEY, signal);
    expect(readdirSync(join(dir, KEY.day))).toEqual([ALICE]);
    for (let time = 0; time < 2; time += 1) await store.remove(other, signal);
    expect(readdirSync(join(dir, KEY.day))).toEqual([]);
  });
});
