import { IDLE_MS } from '@headgate/contracts/limits';
import { loadConfig } from '@headgate/runtime/load-config';
import { describe, expect, it } from 'vitest';
import type { Bootstrap } from './gen/envoy/config/bootstrap/v3/bootstrap.ts';
import type { Cluster } from './gen/envoy/config/cluster/v3/cluster.ts';
import type { HttpProtocolOptions } from './gen/envoy/extensions/upstreams/http/v3/http_protocol_options.ts';
import { renderEnvoy } from './render.ts';

const CONFIG_DIR = new URL('../../config', import.meta.url).pathname;
const ROOT = '/srv/headgate';

function load(environment: string, env: Record<string, string> = {}) {
  const config = loadConfig({ dir: CONFIG_DIR, environment, env });
  const text = renderEnvoy(config, { root: ROOT });
  return { config, text, document: JSON.parse(text) as Bootstrap };
}

function clusterOf(document: Bootstrap, name: string): Cluster {
  const found = document.static_resources?.clusters?.find((cluster) => cluster.name === name);
  if (!found) throw new Error(`no cluster ${name}`);
  return found;
}

function protocolOf(cluster: Cluster): HttpProtocolOptions {
  return cluster.typed_extension_protocol_options?.[
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
  ] as HttpProtocolOptions;
}

describe.each(['dev', 'staging', 'production'])('the rendered configuration of %s', (environment) => {
  const { config, text, document } = load(environment);

  it('closes idle connections to the gateway before Node does (decision 0009)', () => {
    const idle = protocolOf(clusterOf(document, 'gateway')).common_http_protocol_options?.idle_timeout;
    const idleMs = Number.parseFloat(idle ?? '') * 1000;
    expect(idleMs).toBeGreaterThan(0);
    expect(idleMs).toBeLessThan(IDLE_MS.gatewayKeepAlive);
    expect(IDLE_MS.gatewayKeepAlive).toBeLessThan(IDLE_MS.gatewayHeaders);
  });

  it('keeps the admin page on a socket that only its user opens', () => {
    const pipe = { path: `${ROOT}/state/envoy/8440.sock`, mode: 0o600 };
    expect(document.admin?.address).toEqual({ pipe });
  });

  it('puts the listeners on their ports and hosts', () => {
    const sockets = document.static_resources?.listeners?.map(({ name, address }) => [
      name,
      address?.socket_address?.address,
      address?.socket_address?.port_value,
    ]);
    expect(sockets).toEqual([
      ['public-https', config.listen.host, 8443],
      ['http-redirect', config.listen.host, 8440],
      ['internal-grpc', config.listen.internal_host, 8446],
      ['probes', config.listen.internal_host, 8448],
    ]);
  });

  it('states every ceiling of the circuit breakers', () => {
    for (const cluster of document.static_resources?.clusters ?? []) {
      expect(cluster.circuit_breakers?.thresholds).toEqual([
        {
          max_connections: 1024,
          max_pending_requests: 1024,
          max_requests: 4096,
          max_retries: 32,
          track_remaining: true,
        },
      ]);
    }
  });

  it('refers to files by absolute paths only', () => {
    const paths = text.match(/[^"\s]*state\/[^"]*/g) ?? [];
    expect(paths.length).toBeGreaterThan(0);
    for (const path of paths) expect(path).toMatch(/^\/srv\/headgate\/state\//);
  });
});

describe('a target', () => {
  it('is the local process by default', () => {
    const { document } = load('dev', { HEADGATE_LISTEN__PORT_BASE: '9000' });
    const addresses = ['gateway', 'inference'].map((name) => addressOf(clusterOf(document, name)));
    expect(addresses).toEqual([
      { address: '127.0.0.1', port_value: 9001 },
      { address: '127.0.0.1', port_value: 9004 },
    ]);
    expect(clusterOf(document, 'gateway').type).toBe('STATIC');
  });

  it.each(['127.0.0.9', '10.1.2.3', 'fd00::7'])(
    'is at the internal host %s, wherever the public one is',
    (host) => {
      const { document } = load('production', { HEADGATE_LISTEN__INTERNAL_HOST: host });
      const addresses = ['gateway', 'inference'].map((name) => addressOf(clusterOf(document, name)));
      expect(addresses).toEqual([
        { address: host, port_value: 8441 },
        { address: host, port_value: 8444 },
      ]);
    },
  );

  it('is resolved again and again when it is a name', () => {
    const { document } = load('production', {
      HEADGATE_ENVOY__GATEWAY_TARGET: 'headgate-gateway.default:8441',
    });
    const cluster = clusterOf(document, 'gateway');
    expect(cluster.type).toBe('STRICT_DNS');
    expect(addressOf(cluster)).toEqual({ address: 'headgate-gateway.default', port_value: 8441 });
  });
});

function addressOf(cluster: Cluster) {
  return cluster.load_assignment?.endpoints?.[0]?.lb_endpoints?.[0]?.endpoint?.address?.socket_address;
}

it('names the port of the load balancer in the redirect, where there is one', () => {
  expect(load('dev').text).toContain('"port_redirect": 8443');
  expect(load('production').text).toContain('"port_redirect": 443');
});

it('says HSTS for a year, but for a minute where browsers would remember it for localhost', () => {
  expect(load('production').text).toContain('max-age=31536000');
  expect(load('dev').text).toContain('max-age=60');
  expect(load('dev').text).not.toContain('max-age=31536000');
});

describe('load balancers in front', () => {
  const hops = { HEADGATE_ENVOY__XFF_NUM_TRUSTED_HOPS: '2' };
  const proxy = { HEADGATE_ENVOY__PROXY_PROTOCOL: 'required' };
  const balancers = { HEADGATE_ENVOY__BALANCERS: '["10.0.8.0/24"]' };
  const chains = (env: Record<string, string>) =>
    load('dev', env).document.static_resources?.listeners?.map(({ filter_chains }) => filter_chains?.length);

  it.each([hops, proxy])('have to be named where their word is taken: %o', (env) => {
    expect(() => load('dev', env)).toThrow(/envoy\.balancers.*anybody else could choose an address/);
  });

  it('hold all connections where hops are trusted, and none of internal listeners', () => {
    expect(chains({})).toEqual([32, 8, 8, 8]);
    expect(chains({ ...proxy, ...balancers })).toEqual([32, 8, 8, 8]);
    expect(chains({ ...hops, ...balancers })).toEqual([1, 1, 8, 8]);
  });

  it('close their idle connections before Envoy does', () => {
    expect(load('dev').text.match(/"idle_timeout": "(60|650)s"/)?.[1]).toBe('60');
    expect(load('dev', { ...hops, ...balancers }).text.match(/"idle_timeout": "(60|650)s"/)?.[1]).toBe('650');
  });
});

it('refuses a relative root', () => {
  const { config } = load('dev');
  expect(() => renderEnvoy(config, { root: 'somewhere' })).toThrow(TypeError);
});
