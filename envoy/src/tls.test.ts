import { loadConfig } from '@headgate/runtime/load-config';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Any } from './any.ts';
import type { DownstreamTlsContext } from './gen/envoy/extensions/transport_sockets/tls/v3/tls.ts';
import { mutualTls, publicTls, renderSds } from './tls.ts';

const CONFIG_DIR = new URL('../../config', import.meta.url).pathname;
const root = '/srv/headgate';
const config = loadConfig({ dir: CONFIG_DIR, environment: 'dev', env: {} });

function contextOf(socket: { typed_config?: Any | undefined }): DownstreamTlsContext {
  return socket.typed_config as DownstreamTlsContext;
}

describe.each([
  ['public', publicTls(root)],
  ['internal', mutualTls(root)],
])('TLS of the %s listener', (_, socket) => {
  const params = contextOf(socket).common_tls_context?.tls_params;

  it('starts at TLS 1.2', () => {
    expect(params?.tls_minimum_protocol_version).toBe('TLSv1_2');
  });

  it('offers only forward secrecy with authenticated encryption', () => {
    const suites = params?.cipher_suites?.flatMap((group) => group.replace(/[[\]]/g, '').split('|')) ?? [];
    expect(suites.length).toBeGreaterThan(0);
    for (const suite of suites)
      expect(suite).toMatch(/^ECDHE-(ECDSA|RSA)-(AES\d+-GCM-SHA\d+|CHACHA20-POLY1305)$/);
  });
});

it('demands a client certificate on the internal listener only', () => {
  expect(contextOf(mutualTls(root)).require_client_certificate).toBe(true);
  expect(contextOf(publicTls(root)).require_client_certificate).toBe(false);
});

describe('the secret files', () => {
  const files = renderSds(config, { root }).map(({ path, text }) => ({
    path,
    secret: parse(text).resources[0],
  }));

  it('are one per secret, under state/envoy', () => {
    expect(files.map(({ path, secret }) => [path, secret.name])).toEqual([
      ['/srv/headgate/state/envoy/public-certificate.yaml', 'public-certificate'],
      ['/srv/headgate/state/envoy/internal-certificate.yaml', 'internal-certificate'],
      ['/srv/headgate/state/envoy/internal-authority.yaml', 'internal-authority'],
    ]);
  });

  it('watch the directory of the files that they name, so that a renewal is seen', () => {
    for (const { secret } of files) {
      const { watched_directory, ...sources } = secret.tls_certificate ?? secret.validation_context;
      for (const { filename } of Object.values<{ filename: string }>(sources)) {
        expect(filename.startsWith(`${watched_directory.path}/`)).toBe(true);
      }
    }
  });

  it('refuse a relative root', () => {
    expect(() => renderSds(config, { root: '.' })).toThrow(TypeError);
  });
});
