import { expect, it } from 'vitest';
import { isOwnHost } from './internal-http.ts';

const OWN = ['127.0.0.1', '127.0.0.1:8442', '10.1.2.3:8442', '[::1]:8442', '[fd00::7]', 'localhost:8442'];
const NAMES = ['headgate-gateway:8442', 'Gateway.Default.svc', 'a.b.svc.cluster.local:1', 'vm.internal'];

it.each([...OWN, ...NAMES, undefined])('takes %j', (host) => {
  expect(isOwnHost(host)).toBe(true);
});

it.each([
  ...[
    'evil.example',
    'evil.example:8442',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'svc.evil.example',
  ],
  ...[
    '127.0.0.1.nip.io:8442',
    'evil.example.',
    '',
    '[evil.example]',
    'a.svc.',
    '127.0.0.1:8442.evil.example',
  ],
  ...['a b', 'evil.example#.svc:1x'],
])('refuses %j', (host) => {
  expect(isOwnHost(host)).toBe(false);
});
