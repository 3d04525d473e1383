import { execFile } from 'node:child_process';
import { linkSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it } from 'vitest';
import { replaceFile } from './replace-file.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = tempDir();
  path = join(dir, 'file');
});

const append = (word: string) => replaceFile(path, (text = '') => `${text}${word}\n`);
const read = () => readFileSync(path, 'utf8');

describe('replaceFile', () => {
  it('makes a file, changes it, and leaves nothing else behind', () => {
    append('a');
    append('b');
    expect(read()).toBe('a\nb\n');
    expect(readdirSync(dir)).toEqual(['file']);
  });

  it('keeps the mode, and the link when the path is one', () => {
    writeFileSync(path, '', { mode: 0o640 });
    symlinkSync(path, join(dir, 'link'));
    replaceFile(join(dir, 'link'), () => 'x');
    expect([read(), statSync(path).mode & 0o777]).toEqual(['x', 0o640]);
  });

  it('changes nothing when the change is refused', () => {
    append('a');
    expect(() =>
      replaceFile(path, () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect([read(), readdirSync(dir)]).toEqual(['a\n', ['file']]);
  });

  it('takes the change of another program that came between reading and writing into account', () => {
    append('a');
    let calls = 0;
    replaceFile(path, (text = '') => {
      calls += 1;
      if (calls === 1) append('other');
      return `${text}mine\n`;
    });
    expect([calls, read()]).toEqual([2, 'a\nother\nmine\n']);
  });

  it('sees an edit by hand as such a change', () => {
    append('a');
    let calls = 0;
    replaceFile(path, (text = '') => {
      calls += 1;
      if (calls === 1) writeFileSync(path, 'edited\n');
      return `${text}mine\n`;
    });
    expect(read()).toBe('edited\nmine\n');
  });

  it('finishes the change of a program that was killed before it could', () => {
    append('a');
    const { ino, mtimeNs, size } = statSync(path, { bigint: true });
    writeFileSync(join(dir, 'prepared'), 'a\nkilled\n');
    linkSync(join(dir, 'prepared'), `${path}.after-${ino}-${mtimeNs}-${size}`);
    append('b');
    expect(read()).toBe('a\nkilled\nb\n');
  });

  it('loses nothing when several processes write at once', async () => {
    const program = `
      import { replaceFile } from ${JSON.stringify(join(import.meta.dirname, 'replace-file.ts'))};
      for (let i = 0; i < 40; i++) replaceFile(${JSON.stringify(path)}, (text = '') => text + process.argv[1] + i + '\\n');`;
    const names = ['a', 'b', 'c', 'd'];
    await Promise.all(
      names.map((name) =>
        promisify(execFile)('node', ['--input-type=module', '--eval', program, name], {
          env: {
            ...process.env,
            PATH: `${join(import.meta.dirname, '../../../node_modules/.bin')}:${process.env.PATH}`,
          },
        }),
      ),
    );
    const expected = names.flatMap((name) => Array.from({ length: 40 }, (_, i) => `${name}${i}`));
    expect(read().trim().split('\n').sort()).toEqual(expected.sort());
    expect(readdirSync(dir)).toEqual(['file']);
  });
});
