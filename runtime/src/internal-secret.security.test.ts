import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HEADER } from '@headgate/contracts/names';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { readInternalSecret } from './internal-secret.ts';
import { ConfigError } from './load-config.ts';

const OLD = 'a1'.repeat(32);
const NEW = 'b2'.repeat(32);

function read(text: string) {
  const dir = tempDir();
  writeFileSync(join(dir, 'secret'), text);
  return readInternalSecret({ internal_secret_file: 'secret' }, dir);
}

it('sends the first line and accepts each', () => {
  const secret = read(`${NEW}\r\n\n  ${OLD}\n`);
  expect(secret?.header).toEqual({ [HEADER.internalSecret]: NEW });
  expect([NEW, OLD].map((shown) => secret?.accepts(shown))).toEqual([true, true]);
});

it.each([
  ['nothing', undefined],
  ['an empty text', ''],
  ['a part of it', OLD.slice(1)],
  ['more than it', `${OLD}1`],
  ['it twice, as two headers arrive', `${OLD}, ${OLD}`],
  ['it in a list', [OLD]],
  ['it in capitals', OLD.toUpperCase()],
  ['its bytes', Buffer.from(OLD)],
  ['what Envoy writes without its variable', '-'],
])('does not accept %s', (_, shown) => {
  expect(read(OLD)?.accepts(shown)).toBe(false);
});

it('is none where no file is configured', () => {
  expect(readInternalSecret({ internal_secret_file: '' }, '/')).toBeUndefined();
});

it.each(['', '\n \n', 'short', `${OLD}\nshort`, `${OLD} ${NEW}`, `${'a'.repeat(40)}é`, 'a'.repeat(257)])(
  'refuses a file with %j, without quoting it',
  (text) => {
    const failure = (() => {
      try {
        return read(text);
      } catch (error) {
        return error;
      }
    })() as Error;
    expect(failure).toBeInstanceOf(ConfigError);
    expect(failure.message).toMatch(/^listen\.internal_secret_file: .*openssl rand -hex 32 makes one$/);
    expect(failure.message).not.toMatch(/short|aaa|a1a1/);
  },
);

it('says what to do where the file is missing', () => {
  expect(() => readInternalSecret({ internal_secret_file: 'none' }, tempDir())).toThrow(
    /none cannot be read; openssl rand -hex 32 makes one/,
  );
});
