import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { HOST_LINK } from './layout.ts';
import { withoutOwnBridges } from './machine.ts';
import { inherited } from './processes.ts';
import { overlapping } from './routes.ts';

it('leaves the bridges of the machine as they were, whether or not br_netfilter was loaded', async () => {
  const dir = join(tempDir(), 'bridge');
  const setting = join(dir, 'bridge-nf-call-iptables');
  await withoutOwnBridges(async () => undefined, dir);
  await withoutOwnBridges(async () => writeText(setting, '1'), dir);
  expect(readFileSync(setting, 'utf8')).toBe('0');
  writeText(setting, '1');
  await withoutOwnBridges(async () => undefined, dir);
  expect(readFileSync(setting, 'utf8')).toBe('1');
});

it('names the networks that the machine has routes to, its own aside', () => {
  const routes = [
    { dst: 'default', dev: 'eth0' },
    { dst: '10.90.0.0/24', dev: HOST_LINK },
    { dst: '10.244.7.0/24', dev: 'flannel.1' },
    { dst: '10.96.0.0/11', dev: 'vpn' },
    { dst: '10.90.1.0/24', dev: 'eth0' },
    { dst: '172.17.0.0/16', dev: 'docker0' },
    { dst: '10.90.0.77' },
  ];
  expect(overlapping(routes)).toEqual([
    'network 10.90.0.0/24: this machine has a route to 10.90.0.77 (no interface)',
    'network 10.244.0.0/16: this machine has a route to 10.244.7.0/24 (flannel.1)',
    'network 10.96.0.0/16: this machine has a route to 10.96.0.0/11 (vpn)',
  ]);
});

it('tells its programs no secret of the shell', () => {
  const given = inherited({ PATH: '/bin', HOME: '/root', NPM_TOKEN: 'secret' });
  expect(given).toEqual({ PATH: '/bin', HOME: '/root' });
});
