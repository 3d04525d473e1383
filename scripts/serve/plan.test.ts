import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NO_SECRET } from '@headgate/testkit/config';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { ROOT } from '../setup/bootstrap.mjs';
import { makeDevKeys } from '../setup/keys.ts';
import type { Mode } from '../setup/mode.ts';
import { configFor, type Env, makePlan, specsOf } from './plan.ts';

const options = { readyFile: undefined, portBase: 9000, fallback: false };

/** A checkout as setup leaves it. */
function checkout(): string {
  const root = tempDir();
  cpSync(join(ROOT, 'config'), join(root, 'config'), { recursive: true });
  makeDevKeys(root);
  return root;
}

const planOf = (root: string, mode: Mode, env: Env = {}) =>
  makePlan(root, mode, env, configFor(root, env, options));

it('seeds the live routing table and names its default model', () => {
  const root = checkout();
  const plan = planOf(root, 'full');
  expect(plan.service).toMatchObject({ model: 'efficientnet-lite0', https: 'https://localhost:9003' });
  expect(existsSync(join(root, 'state/routing.yaml'))).toBe(true);
});

it('gives the fallback a table of its own, unless one is named', () => {
  const root = checkout();
  expect(planOf(root, 'fallback')).toMatchObject({
    routingFile: 'state/routing.fallback.yaml',
    service: { model: 'digits', https: null },
  });
  const named = join(root, 'elsewhere.yaml');
  expect(planOf(root, 'fallback', { HEADGATE_ROUTING_FILE: named }).routingFile).toBe(named);
  expect(existsSync(join(root, 'state/routing.yaml'))).toBe(false);
});

it('tells every process where the checkout, the ports and the table are', () => {
  const root = checkout();
  const env = { PATH: '/bin', HEADGATE_GATEWAY__DEADLINE__MAX_MS: '20000' };
  const plan = planOf(root, 'full', env);
  expect(plan.config.gateway.deadline.max_ms).toBe(20_000);
  const secret = 'ab'.repeat(32);
  writeFileSync(join(root, 'state/internal.secret'), `${secret}\n`);
  const specs = specsOf(plan, env);
  expect(specs.map(({ name }) => name)).toEqual(['control', 'inference', 'gateway', 'envoy']);
  for (const spec of specs) {
    expect(spec.env).toEqual({
      ...env,
      HEADGATE_ROOT: root,
      HEADGATE_LISTEN__PORT_BASE: '9000',
      HEADGATE_ROUTING_FILE: 'state/routing.yaml',
      // The other parts read its file.
      ...(spec.name === 'envoy' && { ENVOY_INTERNAL_SECRET: secret }),
    });
    expect(spec.logFile).toBe(join(root, 'state/logs/9000', `${spec.name}.log`));
    expect(spec.stopWithinMs).toBeGreaterThan(1000);
  }
});

it('renders the configuration that Envoy is started with, and none in the fallback', () => {
  const root = checkout();
  const envoy = specsOf(planOf(root, 'full', NO_SECRET), {}).at(-1);
  const path = join(root, 'state/envoy/9000.json');
  expect(envoy?.args).toContain(path);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toHaveProperty('static_resources');
  const fallback = specsOf(planOf(root, 'fallback', NO_SECRET), {});
  expect(fallback.map(({ name }) => name)).toEqual(['control', 'inference', 'gateway']);
  expect(existsSync(path)).toBe(false);
});

it('refuses production with everything that is missing, before it makes anything', () => {
  const root = checkout();
  const start = () => configFor(root, { HEADGATE_ENV: 'production' }, { ...options, fallback: true });
  for (const item of ['--fallback serves without TLS', 'API keys', 'Host names', 'Public certificate']) {
    expect(start).toThrow(item);
  }
  expect(existsSync(join(root, 'state/routing.yaml'))).toBe(false);
});
