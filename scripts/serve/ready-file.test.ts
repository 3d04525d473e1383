import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { testConfig } from '@headgate/testkit/config';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { describeService, removeReadyFile, writeReadyFile } from './ready-file.ts';

const keys = { client: 'c', bench: 'b', admin: 'a' };
const config = testConfig({ HEADGATE_LISTEN__PORT_BASE: '9000' });

it('says where everything is', () => {
  expect(describeService(config, { root: '/srv', mode: 'full', keys, model: 'm' })).toEqual({
    https: 'https://localhost:9003',
    gateway: 'http://127.0.0.1:9001',
    caFile: '/srv/state/tls/public/ca.crt',
    keys,
    inferenceGrpc: '127.0.0.1:9004',
    internalGrpc: {
      address: 'localhost:9006',
      ca: '/srv/state/tls/internal/ca.crt',
      cert: '/srv/state/tls/internal/client.crt',
      key: '/srv/state/tls/internal/client.key',
    },
    health: 'http://127.0.0.1:9002/readyz',
    metrics: 'http://127.0.0.1:9002/metrics',
    openapi: 'http://127.0.0.1:9002/openapi.json',
    console: 'http://127.0.0.1:9007/console/',
    mode: 'full',
    model: 'm',
  });
});

it('has no TLS in the fallback', () => {
  expect(describeService(config, { root: '/srv', mode: 'fallback', keys, model: 'digits' })).toMatchObject({
    https: null,
    caFile: null,
    internalGrpc: null,
    gateway: 'http://127.0.0.1:9001',
    mode: 'fallback',
    model: 'digits',
  });
});

it('writes a file that only this user reads, and removes it', () => {
  const path = join(tempDir(), 'deep/ready.json');
  const service = describeService(config, { root: '/srv', mode: 'full', keys, model: 'm' });
  const ready = { ...service, pids: { control: 3, gateway: 1, inference: 2, envoy: null } };
  writeReadyFile(path, ready);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(ready);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  removeReadyFile(path);
  expect(existsSync(path)).toBe(false);
  removeReadyFile(path);
});
