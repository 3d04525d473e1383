import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PORT_OFFSET } from '@headgate/contracts/names';
import { renderEnvoy } from '@headgate/envoy/render';
import { ConfigError, loadConfig } from '@headgate/runtime/load-config';
import { startPart } from '@headgate/testkit/part';
import { descendantsOf } from '@headgate/testkit/processes';
import { ROOT } from '@headgate/testkit/root';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addressesOf } from '../../scripts/serve/listeners.ts';
import { openSocketsOf } from './sockets.ts';

const LAYERS = ['dev', 'staging', 'production'] as const;
const CONFIG = join(ROOT, 'config');
const POD = '10.244.3.7';
const { httpRedirect, https, ...INTERNAL } = PORT_OFFSET;
const BASE = 8440;

const load = (environment: string, env: Record<string, string> = {}) =>
  loadConfig({ dir: CONFIG, environment, env });

/** The least that all parts need in production. */
function machine(): string {
  const root = mkdtempSync(join(tmpdir(), 'headgate-reach-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'state'));
  const key = { id: 'acme1', sha256: 'a'.repeat(64), name: 'acme', role: 'client', tier: 'default' };
  writeFileSync(join(root, 'state/keys.yaml'), JSON.stringify({ keys: [key] }));
  writeFileSync(join(root, 'state/internal.secret'), 'f6'.repeat(32));
  copyFileSync(join(CONFIG, 'routing.fallback.yaml'), join(root, 'state/routing.yaml'));
  return root;
}

describe.each(LAYERS)('in the layer %s', (environment) => {
  it.each(['gateway', 'inference', 'control'] as const)(
    '%s opens nothing but its internal ports, on loopback',
    async (name) => {
      const root = machine();
      const part = await startPart(name, {
        readyPage: '/livez',
        logFile: join(root, 'log'),
        env: {
          HEADGATE_ENV: environment,
          HEADGATE_ROOT: root,
          HEADGATE_CONFIG_DIR: CONFIG,
          HEADGATE_LISTEN__HOST: '0.0.0.0',
          HEADGATE_LISTEN__INTERNAL_SECRET_FILE: 'state/internal.secret',
          HEADGATE_INFERENCE__MODELS_DIR: join(ROOT, 'models'),
          HEADGATE_GATEWAY__DRAIN__DELAY_MS: '0',
          HEADGATE_INFERENCE__DRAIN__DELAY_MS: '0',
        },
      });
      onTestFinished(part.stop);
      const pids = [part.pid, ...descendantsOf(part.pid).map(({ pid }) => pid)];
      const sockets = openSocketsOf(pids);
      expect(sockets.length).toBeGreaterThan(0);
      for (const { kind, host, port } of sockets) {
        expect([kind, host]).toEqual(['tcp', '127.0.0.1']);
        expect(Object.values(INTERNAL)).toContain(port - part.portBase);
      }
    },
  );

  it('Envoy gets the public host for HTTPS and its redirect alone', () => {
    const config = load(environment, { HEADGATE_LISTEN__INTERNAL_HOST: POD });
    const { admin, static_resources } = JSON.parse(renderEnvoy(config, { root: '/srv' }));
    const reach = static_resources.listeners.map(
      ({ address: { socket_address } }: { address: { socket_address: Record<string, unknown> } }) => [
        Number(socket_address.port_value) - BASE,
        socket_address.address,
      ],
    );
    expect(Object.fromEntries(reach)).toEqual({
      [httpRedirect]: config.listen.host,
      [https]: config.listen.host,
      [INTERNAL.internalGrpcMtls]: POD,
      [INTERNAL.envoyInternal]: POD,
    });
    expect(admin.address).toHaveProperty('pipe');
    const announced = addressesOf(config, 'full').filter(({ host }) => host !== POD);
    expect(announced.map(({ port }) => port - BASE).sort()).toEqual([httpRedirect, https]);
  });

  it.each(['0.0.0.0', '::', '::ffff:0.0.0.0', '8.8.8.8', '2606:4700::1111', '172.15.0.1', 'localhost'])(
    'a start with the internal host %s is refused',
    (host) => {
      expect(() => load(environment, { HEADGATE_LISTEN__INTERNAL_HOST: host })).toThrow(ConfigError);
    },
  );

  it('a start without a secret is refused, unless everything is on loopback', () => {
    const none = { HEADGATE_LISTEN__INTERNAL_SECRET_FILE: '' };
    const inPod = { ...none, HEADGATE_LISTEN__INTERNAL_HOST: POD };
    expect(() => load(environment, inPod)).toThrow(/listen\.internal_secret_file/);
    expect(load(environment, none).listen.internal_secret_file).toBe('');
  });
});
