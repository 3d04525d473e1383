import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it } from 'vitest';
import { keepSpares, writeIntoSpare } from './spares.ts';

let root: string;
let dir: string;
beforeEach(() => {
  root = tempDir();
  dir = join(root, 'spares');
});
const keep = (count: number, bytes = 4096) => keepSpares({ dir, count, bytes });
const sizes = () => readdirSync(dir).map((name) => statSync(join(dir, name)).size);

describe('Spare files', () => {
  it('have real blocks, as many as are asked for, and are made again when they are too small', () => {
    keep(3);
    keep(3);
    expect(sizes()).toEqual([4096, 4096, 4096]);
    const [first = ''] = readdirSync(dir);
    expect(statSync(join(dir, first)).blocks * 512).toBeGreaterThanOrEqual(4096);
    keep(2, 8192);
    expect(sizes()).toEqual([8192, 8192]);
  });

  it('become files of exactly what is written, each once', () => {
    keep(1);
    const path = join(root, 'file');
    expect(writeIntoSpare({ dir }, path, Buffer.from('text'))).toBe(true);
    expect(readFileSync(path, 'utf8')).toBe('text');
    expect(writeIntoSpare({ dir }, path, Buffer.from('more'))).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe('text');
    expect(readdirSync(dir)).toEqual([]);
  });

  it('are none where none can be kept', () => {
    writeFileSync(dir, '');
    keep(1);
    expect(writeIntoSpare({ dir }, join(root, 'file'), Buffer.from('text'))).toBe(false);
  });
});
