import { loadConfig } from '@headgate/runtime/load-config';
import { expect, it } from 'vitest';
import { envoyArguments } from './process.ts';

const CONFIG_DIR = new URL('../../config', import.meta.url).pathname;
const env = { HEADGATE_LISTEN__PORT_BASE: '9000', HEADGATE_TELEMETRY__LOG_LEVEL: 'silent' };
const config = loadConfig({ dir: CONFIG_DIR, environment: 'dev', env });

it('passes the configuration to the binary', () => {
  const args = envoyArguments(config, '/srv/envoy.json');
  const option = (name: string) => args[args.indexOf(name) + 1];
  expect(option('--config-path')).toBe('/srv/envoy.json');
  expect(option('--concurrency')).toBe(String(config.envoy.concurrency));
  expect(option('--drain-time-s')).toBe('20');
  expect(option('--log-level')).toBe('off');
  expect(args).toContain('--disable-hot-restart');
});
