import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { describe, expect, it } from 'vitest';
import { headgate } from '../../testing/command-line.ts';
import { SHELLS } from './script.ts';

const isThere = (shell: string) => spawnSync(shell, ['--version']).error === undefined;

async function scriptOf(shell: string): Promise<string> {
  const path = join(tempDir(), 'headgate');
  writeFileSync(path, (await headgate(['completion', shell])).out);
  return path;
}

describe.each(SHELLS)('the script for %s', (shell) => {
  it('knows each command and each option', async () => {
    const { out } = await headgate(['completion', shell]);
    for (const word of [
      'rollout start',
      'route explain',
      'doctor',
      'keys rotate',
      'follow',
      'policy',
      'json',
    ])
      expect(out).toContain(word);
    expect(out).not.toContain('undefined');
  });

  it.skipIf(!isThere(shell))('is understood by it', async () => {
    const flag = shell === 'fish' ? '--no-execute' : '-n';
    expect(execFileSync(shell, [flag, await scriptOf(shell)]).toString()).toBe('');
  });
});

describe.skipIf(!isThere('bash'))('bash completes', () => {
  it.each([
    ['headgate rol', 'rollout'],
    ['headgate rollout st', 'start status'],
    ['headgate --json rollout start digits 2 --fol', '--follow'],
    // Arguments are no commands, and values of options neither.
    ['headgate rollout start status --pol', '--policy'],
    ['headgate route get ', ''],
    ['headgate nonsense ', 'status predict'],
  ])('%j', async (line, expected) => {
    const words = line.split(' ');
    const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _headgate; echo "\${COMPREPLY[*]}"`;
    const out = execFileSync('bash', ['-c', script, 'bash', await scriptOf('bash'), ...words])
      .toString()
      .trim();
    expect(out.startsWith(expected)).toBe(true);
    if (!expected.includes('predict')) expect(out).toBe(expected);
  });
});

it('another shell is refused', async () => {
  const { code, err } = await headgate(['completion', 'csh']);
  expect([code, err]).toEqual([2, expect.stringContaining('Allowed choices are bash, zsh, fish')]);
});
