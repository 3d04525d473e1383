import { tempDir, writeText } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { glibcProblem, pythonProblem } from './suitable.ts';

it('says which Python a client needs, where it has a newer or an older one', async () => {
  const python = `${tempDir()}/python3`;
  writeText(python, '#!/bin/sh\necho 13\n', 0o755);
  expect(await pythonProblem(python, 'a client', { below: 14 })).toBeUndefined();
  expect(await pythonProblem(python, 'a client', { below: 13 })).toBe(
    'a client needs a Python before 3.13, and this one is 3.13',
  );
  expect(await pythonProblem(python, 'a client', { from: 13 })).toBeUndefined();
  expect(await pythonProblem(python, 'a client', { from: 14 })).toBe(
    'a client needs Python 3.14 or newer, and this one is 3.13',
  );
});

it('says which glibc a program needs, where there is an older one or none', async () => {
  expect(await glibcProblem('a program', 99.1)).toContain('a program needs');
  if (process.platform === 'linux') expect(await glibcProblem('a program', 2.2)).toBeUndefined();
});
