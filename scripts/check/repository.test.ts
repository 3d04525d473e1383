import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { testContext } from '@headgate/testkit/step-context';
import { expect, it } from 'vitest';
import { machinePlaces, repositoryItems, traces } from './repository.ts';

const places = machinePlaces('/srv/build/checkout', '/home/alice');

it.each([
  'cd /srv/build/checkout/gateway',
  "const path = '/srv/build/other';",
  'see /home/alice/notes',
  'see /home/bob/notes',
  'file:///Users/carol/headgate',
  'registry=https://npm.example-mirror.com/',
  'https://my-registry.internal/headgate',
])('finds the trace of a machine in %j', (line) => {
  expect(traces('a.md', `first\n${line}`, places)).toEqual([`a.md:2: ${line}`]);
});

it.each([
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of source
  'in `${dir}/srv/build/`, a path of its own',
  'import x from "../srv/build/checkout/a.ts"',
  'https://example.com/home/page',
  'the folder /home of a user',
  'https://registry.npmjs.org/hono',
  'https://pypi.org/simple',
  '~/home/alice',
])('finds none in %j', (line) => {
  expect(traces('a.md', line, places)).toEqual([]);
});

it('does not take folders for a place that every machine has', () => {
  expect(machinePlaces('/tmp/checkout', '/home/alice')).toEqual(['/tmp/checkout/', '/home/alice/']);
  expect(machinePlaces('/app', '/')).toEqual([]);
});

it('looks at the files that Git tracks, and at no others', async () => {
  const root = tempDir({
    large: 'x'.repeat(1_000_001),
    gone: '',
    'untracked.md': '/home/bob/a',
    'photo.png': '/home/bob/a',
  });
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root });
  git('init', '-q');
  git('add', 'large', 'gone', 'photo.png');
  rmSync(join(root, 'gone'));
  const problems = await Promise.all(repositoryItems.map((item) => item.run(testContext(root))));
  expect(problems).toEqual([['large is larger than 1 MB'], []]);
});
