import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parseStartOptions, USAGE, UsageError } from './options.mjs';

it('starts with nothing chosen', () => {
  expect(parseStartOptions([], '/somewhere')).toEqual({
    readyFile: undefined,
    portBase: undefined,
    fallback: false,
    help: false,
  });
});

it('understands every option', () => {
  const argv = ['--port-base', '9440', '--ready-file', 'run/ready.json', '--fallback'];
  expect(parseStartOptions(argv, '/somewhere')).toEqual({
    readyFile: '/somewhere/run/ready.json',
    portBase: 9440,
    fallback: true,
    help: false,
  });
  expect(parseStartOptions(['--ready-file=/r.json', '--port-base=1024'], '/')).toMatchObject({
    readyFile: '/r.json',
    portBase: 1024,
  });
});

it.each(['--help', '-h'])('ends well after the usage for %s', (option) => {
  const start = fileURLToPath(new URL('../start.mjs', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [start, option], { encoding: 'utf8' });
  expect([status, stdout.trimEnd(), stderr]).toEqual([0, USAGE, '']);
});

it.each([
  [['--port-base', '80'], '--port-base: expected a whole number from 1024 to 65000'],
  [['--port-base', '65001'], '--port-base'],
  [['--port-base', '8440.5'], '--port-base'],
  [['--port-base', 'many'], '--port-base'],
  [['--port-base='], '--port-base'],
  [['--ready-file='], '--ready-file: expected a path'],
  [['--ready-file'], '--ready-file'],
  [['--verbose'], '--verbose'],
  [['extra'], 'extra'],
])('refuses %j', (argv, complaint) => {
  expect(() => parseStartOptions(argv, '/')).toThrow(UsageError);
  expect(() => parseStartOptions(argv, '/')).toThrow(complaint);
});
