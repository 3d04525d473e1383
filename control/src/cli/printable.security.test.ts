import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printable, printableIn } from '@headgate/runtime/printable';
import { tempDir } from '@headgate/testkit/folders';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { headgate } from '../testing/command-line.ts';

const ESC = '\u001b';
/** What a terminal would obey; a line break may only be one of ours. */
const OBEYED = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;

/** Names that somebody could give: each would do something to the screen of the user who lists them. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ['clears the screen', `${ESC}[2J${ESC}[H`],
  ['sets the title of the window', `${ESC}]0;root\u0007`],
  ['links somewhere', `${ESC}]8;;https://evil.example\u0007click${ESC}]8;;\u0007`],
  ['uses the eight-bit form of the same', '\u009b31m'],
  ['overwrites the line', 'trusted\revil'],
  ['forges a line', 'a\nb2c4d6  admin  forever'],
  ['rubs out', 'a\b\b\bb\u007f'],
  ['turns the direction', 'gpj.\u202eexe'],
  ['isolates', '\u2066admin\u2069'],
];

let dir: string;
beforeEach(() => {
  dir = tempDir();
});

describe('a name that would do something to a screen is shown, not obeyed', () => {
  it.each(HOSTILE)('%s', async (_, name) => {
    const file = join(dir, 'keys.yaml');
    writeFileSync(
      file,
      JSON.stringify({ keys: [{ id: 'abcd1234', sha256: '0'.repeat(64), name, role: 'client' }] }),
    );
    const list = await headgate(['keys', 'list', '--file', file]);
    expect(list.code).toBe(0);
    expect(list.out.split('\n')).toHaveLength(3);
    expect(list.out.replaceAll('\n', '')).not.toMatch(OBEYED);

    const json = await headgate(['keys', 'list', '--file', file, '--json']);
    expect(json.out.replaceAll('\n', '')).not.toMatch(OBEYED);
    expect(JSON.parse(json.out).keys[0].name).toBe(name);
  });

  it.each(HOSTILE)('nor in an error: %s', async (_, name) => {
    for (const json of [[], ['--json']]) {
      const { err } = await headgate(['keys', 'revoke', name, '--file', join(dir, 'none.yaml'), ...json]);
      expect(err).not.toBe('');
      expect(err.replaceAll('\n', '')).not.toMatch(OBEYED);
    }
  });
});

it('a log whose folder has such a name is reported under it, escaped', async () => {
  const logs = join(dir, 'logs');
  const heads = join(dir, 'heads');
  mkdirSync(join(logs, `gateway${ESC}[31m`), { recursive: true });
  writeFileSync(heads, '');
  const { out, err } = await headgate(['audit', 'verify', '--dir', logs, '--heads', heads]);
  expect(`${out}${err}`).toContain('\\u001b[31m');
  expect(`${out}${err}`.replaceAll('\n', '')).not.toMatch(OBEYED);
});

it('whatever it is, it is harmless, and JSON means the same', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
      expect(printableIn(text)).not.toMatch(OBEYED);
      const json = JSON.stringify([value, text]);
      expect(JSON.parse(printable(json))).toEqual(JSON.parse(json));
    }),
    { numRuns: 200 },
  );
});
