import { expect, it } from 'vitest';
import { machinePlaces, traces } from './repository.ts';

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
