import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { headgate } from '../testing/command-line.ts';

describe('a command line that is not understood', () => {
  it.each([
    [[], 'a command is missing'],
    [['keys'], 'a command is missing'],
    [['kyes'], "unknown command 'kyes'"],
    [['keys', 'list', '--nmae'], "unknown option '--nmae'"],
    [['keys', 'create'], "required option '--name <text>' not specified"],
    [['keys', 'rotate'], "missing required argument 'id'"],
  ])('%j ends with code 2 and says why', async (argv, message) => {
    const { code, out, err } = await headgate(argv);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(`headgate: ${message}`);
    expect(err).toContain('--help');
  });

  it('names the help that shows the commands, for a command that there is not', async () => {
    for (const argv of [['frob'], ['keys', 'frob']]) {
      expect((await headgate(argv)).err).toContain('--help in its place shows the commands');
    }
  });

  it('is told as JSON to programs', async () => {
    const { err } = await headgate(['keys', 'list', '--nmae', '--json']);
    expect(JSON.parse(err).error).toMatchObject({ code: 'usage', remedy: expect.any(String) });
  });
});

describe('help and version', () => {
  it.each([[['--help']], [['help', 'keys']], [['keys', 'create', '--help']], [['--version']]])(
    '%j are no failures',
    async (argv) => {
      expect(await headgate(argv)).toMatchObject({ code: 0, err: '' });
    },
  );
});

it('help shows a default as people write it', async () => {
  expect((await headgate(['keys', 'rotate', '--help'])).out).toContain('(default: 24h)');
});

describe('the configuration', () => {
  it('is found from any folder of the checkout, and its absence is explained', async () => {
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    expect((await headgate(['keys', 'list', '--file', 'nothing.yaml'], { cwd })).code).toBe(4);
    const { code, err } = await headgate(['keys', 'list'], { cwd: tmpdir() });
    expect(code).toBe(2);
    expect(err).toContain('HEADGATE_ROOT');
  });

  it('is refused as the servers refuse it', async () => {
    const { code, err } = await headgate(['keys', 'list', '--env', 'moon']);
    expect(code).toBe(2);
    expect(err).toContain('unknown environment');
  });
});

it('runs as a program, whichever Node starts it', async () => {
  const program = fileURLToPath(new URL('../../bin/headgate.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(program, ['--version']);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
