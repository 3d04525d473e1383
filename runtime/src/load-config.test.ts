import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configSchema } from '@headgate/contracts/config/schema';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { variableOf } from './config-variables.ts';
import { ConfigError, loadConfig, redact } from './load-config.ts';
import { settingsOf } from './testing/settings-of.ts';

const SHIPPED = fileURLToPath(new URL('../../config', import.meta.url));

describe('loadConfig', () => {
  let dir: string;

  beforeEach(() => {
    dir = tempDir();
    cpSync(SHIPPED, dir, { recursive: true });
  });

  const load = (env: Record<string, string> = {}, environment = 'dev') =>
    loadConfig({ dir, environment, env });
  const failure = (env: Record<string, string> = {}, environment = 'dev'): string => {
    try {
      load(env, environment);
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
    throw new Error('expected a ConfigError');
  };

  it.each(['dev', 'staging', 'production'])('accepts the shipped layers of %s', (environment) => {
    expect(load({}, environment).environment).toBe(environment);
  });

  it('ships a layer for every environment, and nothing that it does not read', () => {
    const layers = readdirSync(SHIPPED).filter((name) => !name.startsWith('routing'));
    expect(layers.sort()).toEqual(['base.yaml', 'dev.yaml', 'production.yaml', 'staging.yaml']);
  });

  it('lets the environment layer win over base, key by key, and a variable over both', () => {
    expect(load({}, 'production').gateway.drain).toEqual({ delay_ms: 10_000, timeout_ms: 20_000 });
    const config = load({ HEADGATE_GATEWAY__DRAIN__DELAY_MS: '5' }, 'production');
    expect(config.gateway.drain).toEqual({ delay_ms: 5, timeout_ms: 20_000 });
  });

  it('reads numbers, booleans, lists and null from variables, and leaves other text as it is', () => {
    const config = load({
      HEADGATE_GATEWAY__DOCS_PUBLIC: 'false',
      HEADGATE_LISTEN__INTERNAL_NETWORKS: '["10.0.0.0/8"]',
      HEADGATE_GATEWAY__RATE_LIMIT__TIERS__DEFAULT__ALL: 'null',
      HEADGATE_GATEWAY__RATE_LIMIT__TIERS__DEFAULT__PREDICT__POINTS: '7',
      HEADGATE_GATEWAY__UPSTREAM__TARGET: 'dns:///inference:8444',
    });
    expect(config.listen.internal_networks).toEqual(['10.0.0.0/8']);
    expect(config.gateway).toMatchObject({
      docs_public: false,
      upstream: { target: 'dns:///inference:8444' },
    });
    expect(config.gateway.rate_limit.tiers.default).toEqual({
      all: null,
      predict: { points: 7, window_s: 60 },
    });
  });

  it.each(['dev', 'staging', 'production'])('refuses to publish ports without TLS in %s', (environment) => {
    for (const host of ['0.0.0.0', '::', '203.0.113.9']) {
      const message = failure({ HEADGATE_LISTEN__INTERNAL_HOST: host }, environment);
      expect(message).toContain('listen.internal_host: expected a');
      expect(message).toContain('without TLS');
      expect(message).toContain('HEADGATE_LISTEN__INTERNAL_HOST');
    }
    const named = {
      HEADGATE_LISTEN__INTERNAL_HOST: '203.0.113.9',
      HEADGATE_LISTEN__INTERNAL_NETWORKS: '["203.0.113.0/24"]',
    };
    expect(load(named, environment).listen.internal_host).toBe('203.0.113.9');
  });

  it('says of a setting of earlier versions that it is none any more', () => {
    const message = failure({ HEADGATE_DEPENDENCIES__REDIS__BREAKER__FAILURES: '3' });
    expect(message).toContain('HEADGATE_DEPENDENCIES__REDIS__BREAKER__FAILURES: this is no setting any more');
    writeFileSync(join(dir, 'dev.yaml'), 'dependencies: { redis: { breaker: { failures: 3 } } }');
    expect(failure()).toContain('dev.yaml, line 1, column 26; it is no setting any more');
  });

  it('ignores variables of others and those of the process itself', () => {
    expect(
      load({
        PATH: '/bin',
        HEADGATE_ENV: 'dev',
        HEADGATE_ROOT: '/x',
        HEADGATE_CONFIG_DIR: '/y',
        HEADGATE_CACHE_DIR: '/z',
        HEADGATE_PIPELINES_CONTROL_URL: 'http://127.0.0.1:8447',
        HEADGATE_WORKSPACES: '/w',
      }),
    ).toEqual(load());
  });

  it('refuses a quota whose share has no room for a request that the whole has room for', () => {
    const withShares = (replicas: number, store = 'redis') => ({
      HEADGATE_GATEWAY__RATE_LIMIT__STORE: store,
      HEADGATE_GATEWAY__RATE_LIMIT__ON_FAILURE__REPLICAS: String(replicas),
      HEADGATE_GATEWAY__RATE_LIMIT__TIERS__DEFAULT__PREDICT:
        '{"unit": "images", "points": 48, "window_s": 60}',
      HEADGATE_GATEWAY__LIMITS__IMAGES_PER_REQUEST: '16',
    });
    expect(failure(withShares(4))).toContain('gateway.rate_limit.tiers.default.predict: expected points for');
    expect(load(withShares(3)).gateway.rate_limit.on_failure.replicas).toBe(3);
    expect(load(withShares(4, 'memory')).gateway.rate_limit.store).toBe('memory');
    expect(load({ ...withShares(4), HEADGATE_GATEWAY__LIMITS__IMAGES_PER_REQUEST: '64' })).toBeDefined();
  });

  it('is frozen all the way down', () => {
    const { limits } = load().gateway;
    expect(() => Object.assign(limits, { body_bytes: 1 })).toThrow(TypeError);
  });

  it('says path, expectation and both remedies, for every problem at once', () => {
    writeFileSync(join(dir, 'dev.yaml'), 'telemetry: { log_level: loud }');
    const message = failure({ HEADGATE_LISTEN__PORT_BASE: '80', HEADGATE_PORT: '1' });
    expect(message).toContain('listen.port_base: expected at least 1024, found 80; correct HEADGATE_LIS');
    expect(message).toContain('dev.yaml, line 1, column 14, or as HEADGATE_TELEMETRY__LOG_LEVEL');
    expect(message).toContain('HEADGATE_PORT: no setting has this name');
  });

  it.each([
    ['an unknown key', { HEADGATE_GATEWAY__BODY_BITES: '1' }, 'HEADGATE_GATEWAY__BODY_BITES: no setting'],
    [
      'a default deadline above the ceiling',
      { HEADGATE_GATEWAY__DEADLINE__DEFAULT_MS: '30001' },
      'gateway.deadline.default_ms: expected at most',
    ],
    ['a mapping where a value belongs', { HEADGATE_GATEWAY__DOCS_PUBLIC__X: '1' }, 'DOCS_PUBLIC__X'],
  ])('refuses %s', (_, env, message) => {
    expect(failure(env)).toContain(message);
  });

  it('has no tier without a tier named default', () => {
    writeFileSync(join(dir, 'dev.yaml'), 'gateway: { rate_limit: { tiers: { default: null } } }');
    expect(failure()).toContain('gateway.rate_limit.tiers');
  });

  it.each([
    [
      'a layer with a tag that nobody resolves',
      () => writeFileSync(join(dir, 'dev.yaml'), 'telemetry: { tracing: { authorization: !s3cr3t } }'),
      'dev.yaml: line 1, column 40: a tag (!) is not supported',
    ],
    ['a missing layer', () => rmSync(join(dir, 'dev.yaml')), 'dev.yaml cannot be read'],
    [
      'a layer that is no YAML',
      () => writeFileSync(join(dir, 'dev.yaml'), 'a: ['),
      'dev.yaml: line 1, column 5: not valid YAML',
    ],
    [
      'a layer that is a list',
      () => writeFileSync(join(dir, 'dev.yaml'), '- a'),
      'dev.yaml: expected a mapping of settings',
    ],
  ])('names the file of %s', (_, spoil, message) => {
    spoil();
    expect(failure()).toContain(message);
  });

  it('names the environments there are', () => {
    expect(failure({}, 'prod')).toContain('expected one of dev, staging, production');
  });

  it('accepts an empty layer', () => {
    writeFileSync(join(dir, 'dev.yaml'), '');
    expect(load().gateway.docs_public).toBe(false);
  });

  it('takes no harm from names that every object has', () => {
    const message = failure({
      HEADGATE_CONSTRUCTOR__PROTOTYPE__POLLUTED: 'yes',
      HEADGATE_GATEWAY__CONSTRUCTOR__PROTOTYPE__POLLUTED: 'yes',
    });
    expect(message).toContain('no setting has this name');
    writeFileSync(join(dir, 'dev.yaml'), '__proto__: { gateway: { docs_public: true } }');
    expect(failure()).toContain('(top level): unknown key __proto__');
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
  });
});

describe('secrets', () => {
  const SECRET = 'Bearer s3cr3t-v4lue';
  const env = { HEADGATE_TELEMETRY__TRACING__AUTHORIZATION: SECRET };
  const load = (more: Record<string, string> = {}) =>
    loadConfig({ dir: SHIPPED, environment: 'dev', env: { ...env, ...more } });

  it('are redacted when the configuration is printed, and shown as empty when they are', () => {
    expect(JSON.stringify(redact(load()))).not.toContain('s3cr3t');
    expect(redact(load())).toMatchObject({
      telemetry: { tracing: { authorization: '(secret)', endpoint: '' } },
    });
    const address = { HEADGATE_TELEMETRY__TRACING__ENDPOINT: 'https://u:s3cr3t@collector.acme.org/v1' };
    expect(redact(load(address))).toMatchObject({
      telemetry: { tracing: { endpoint: 'https://(secret)@collector.acme.org/v1' } },
    });
    expect(redact(load({ HEADGATE_TELEMETRY__TRACING__AUTHORIZATION: '' }))).toMatchObject({
      telemetry: { tracing: { authorization: '' } },
    });
  });

  it.each([
    ['the secret itself', { HEADGATE_TELEMETRY__TRACING__AUTHORIZATION__BEARER: 's3cr3t' }],
    ['the section of the secret', { HEADGATE_TELEMETRY__TRACING: '{ authorization: s3cr3t, s3cr3t: 1 }' }],
    ['a text that is no JSON', { HEADGATE_ENVOY__SERVER_NAMES: '!s3cr3t', HEADGATE_LISTEN__PORT_BASE: '1' }],
    ['the name of a neighbour', { HEADGATE_TELEMETRY__TRACING__AUTHORISATION: SECRET }],
    ['a value of another type', { HEADGATE_LISTEN__PORT_BASE: 's3cr3t' }],
    ['a value of a closed set', { HEADGATE_TELEMETRY__LOG_LEVEL: 's3cr3t' }],
  ])('are not printed by an error about %s', (_, wrong) => {
    expect(() => load(wrong)).toThrow(ConfigError);
    try {
      load(wrong);
    } catch (error) {
      expect((error as Error).message).not.toContain('s3cr3t');
      expect((error as Error).message).toMatch(/authori[sz]ation|telemetry__tracing|port_base|log_level/i);
    }
  });

  it('of every setting, in a variable or in a file, are not part of an error, nor printed where marked as secret', () => {
    const CANARIES = [
      'Geheim12',
      '!Geheim12',
      '["Geheim12"]',
      '[Geheim12',
      'Geheim12\n',
      'tcp://u:Geheim12@h:1',
      'Geheim12.org:99999',
    ];
    const dir = tempDir();
    cpSync(SHIPPED, dir, { recursive: true });
    const outcome = (text: string, env: Record<string, string>) => {
      writeFileSync(join(dir, 'dev.yaml'), text);
      try {
        return redact(loadConfig({ dir, environment: 'dev', env }));
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        expect((error as Error).message).not.toContain('Geheim12');
        return undefined;
      }
    };
    const at = (path: readonly string[], value: unknown): unknown =>
      path.reduceRight((inner, key) => ({ [key]: inner }), value);
    for (const { path, schema } of settingsOf(configSchema)) {
      const isSecret = z.globalRegistry.get(schema)?.secret === true;
      for (const canary of CANARIES) {
        const shown = [
          outcome('', { [variableOf(path)]: canary }),
          outcome(JSON.stringify(at(path, canary)), {}),
        ];
        if (isSecret) expect(JSON.stringify(shown)).not.toContain('Geheim12');
      }
    }
  });
});
