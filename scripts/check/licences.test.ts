import { expect, it } from 'vitest';
import { isAllowed, problemOf } from './licences.ts';

it.each(['MIT', 'Apache-2.0', '(MIT OR GPL-3.0-only)', 'MIT AND Zlib', '(BSD-3-Clause AND Apache-2.0)'])(
  'may be used under %s',
  (expression) => {
    expect(isAllowed(expression)).toBe(true);
  },
);

it.each(['GPL-3.0-only', 'AGPL-3.0-or-later', 'MIT AND GPL-3.0-only', 'UNLICENSED', 'SEE LICENSE IN x', ''])(
  'needs a decision under %j',
  (expression) => {
    expect(isAllowed(expression)).toBe(false);
    expect(problemOf('some-package', expression)).toHaveLength(1);
  },
);

it('needs a decision where a package names no licence', () => {
  expect(problemOf('some-package', undefined)[0]).toContain('some-package: no licence');
});

it('keeps an exception to the packages it was made for', () => {
  expect(problemOf('@img/sharp-libvips-linux-x64', 'LGPL-3.0-or-later')).toEqual([]);
  expect(problemOf('@img/sharp-libvips-linux-x64', 'GPL-3.0-only')).toHaveLength(1);
  expect(problemOf('sharp-libvips-lookalike', 'LGPL-3.0-or-later')).toHaveLength(1);
});
