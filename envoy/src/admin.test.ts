import { join } from 'node:path';
import { ConfigError } from '@headgate/runtime/load-config';
import { testConfig } from '@headgate/testkit/config';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { adminSocket, isEnvoyReady } from './admin.ts';

const config = testConfig({ HEADGATE_LISTEN__PORT_BASE: '9000' });
const END = '/state/envoy/9000.sock';
const rootOf = (bytes: number) => `/${'a'.repeat(bytes - END.length - 1)}`;

it('is a socket of its own for each port base', () => {
  expect(adminSocket(config, '/srv/headgate')).toBe('/srv/headgate/state/envoy/9000.sock');
});

it('refuses a path that a socket cannot have, and says what to do', () => {
  expect(Buffer.byteLength(adminSocket(config, rootOf(107)))).toBe(107);
  expect(() => adminSocket(config, rootOf(108))).toThrow(ConfigError);
  expect(() => adminSocket(config, rootOf(108))).toThrow(/has 108 bytes of 107 possible ones; move/);
  expect(() => adminSocket(config, `/${'\u00e9'.repeat(60)}`)).toThrow(ConfigError);
});

it('is not ready while nobody listens', async () => {
  const socket = join(tempDir(), 'none.sock');
  expect(await isEnvoyReady(socket, AbortSignal.timeout(1000))).toBe(false);
});
