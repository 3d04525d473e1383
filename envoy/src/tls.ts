import { isAbsolute, join, resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { stringify } from 'yaml';
import { pack } from './any.ts';
import type { TransportSocket } from './gen/envoy/config/core/v3/base.ts';
import type { SdsSecretConfig, Secret } from './gen/envoy/extensions/transport_sockets/tls/v3/secret.ts';
import type { CommonTlsContext } from './gen/envoy/extensions/transport_sockets/tls/v3/tls.ts';
import { SECRET } from './names.ts';

/**
 * Certificates reach Envoy by file-based SDS: a small file per secret names the PEM files and the directory to
 * watch. A renewal *moves* new files into that directory (write beside, then rename; or the
 * symlink swap of a Kubernetes volume); Envoy loads them for new connections and keeps the open ones.
 */

/** PEM files inside `tls_dir` and `internal_tls_dir`: the names that Kubernetes and cert-manager use. */
const TLS_FILE = { certificate: 'tls.crt', key: 'tls.key', authority: 'ca.crt' } as const;

/** Modern clients only: forward secrecy and authenticated encryption. TLS 1.3 brings its own list. */
const CIPHER_SUITES = [
  '[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]',
  '[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
];
const CURVES = ['X25519MLKEM768', 'X25519', 'P-256'];

type SecretName = (typeof SECRET)[keyof typeof SECRET];

/** Transport socket of the public listener: HTTP/2 or HTTP/1.1, whatever the client offers. */
export function publicTls(root: string): TransportSocket {
  return tlsSocket({
    ...commonContext(SECRET.publicCertificate, root),
    alpn_protocols: ['h2', 'http/1.1'],
  });
}

/** Transport socket of the internal listener: HTTP/2 only, and a client certificate of the internal CA. */
export function mutualTls(root: string): TransportSocket {
  return tlsSocket(
    {
      ...commonContext(SECRET.internalCertificate, root),
      alpn_protocols: ['h2'],
      validation_context_sds_secret_config: secretConfig(SECRET.internalAuthority, root),
    },
    { requireClientCertificate: true },
  );
}

function commonContext(certificate: SecretName, root: string): CommonTlsContext {
  return {
    tls_params: {
      tls_minimum_protocol_version: 'TLSv1_2',
      tls_maximum_protocol_version: 'TLSv1_3',
      cipher_suites: CIPHER_SUITES,
      ecdh_curves: CURVES,
    },
    tls_certificate_sds_secret_configs: [secretConfig(certificate, root)],
  };
}

function tlsSocket(context: CommonTlsContext, { requireClientCertificate = false } = {}): TransportSocket {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: pack('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
      common_tls_context: context,
      require_client_certificate: requireClientCertificate,
    }),
  };
}

function secretConfig(name: SecretName, root: string): SdsSecretConfig {
  return {
    name,
    sds_config: {
      resource_api_version: 'V3',
      path_config_source: { path: sdsPath(root, name), watched_directory: { path: sdsDirectory(root) } },
    },
  };
}

/** A file that must be written before Envoy starts. */
export interface RenderedFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

/**
 * The secret files that the configuration of `renderEnvoy` refers to.
 *
 * @param options.root absolute base of the relative paths in `config`
 * @throws TypeError when `root` is not absolute
 */
export function renderSds(config: Config, { root }: { readonly root: string }): readonly RenderedFile[] {
  assertAbsolute(root);
  const publicDir = resolve(root, config.envoy.tls_dir);
  const internalDir = resolve(root, config.envoy.internal_tls_dir);
  const secrets: readonly (Secret & { name: SecretName })[] = [
    certificate(SECRET.publicCertificate, publicDir),
    certificate(SECRET.internalCertificate, internalDir),
    {
      name: SECRET.internalAuthority,
      validation_context: {
        trusted_ca: { filename: join(internalDir, TLS_FILE.authority) },
        watched_directory: { path: internalDir },
      },
    },
  ];
  return secrets.map((secret) => ({
    path: sdsPath(root, secret.name),
    text: stringify(
      { resources: [pack('envoy.extensions.transport_sockets.tls.v3.Secret', secret)] },
      { lineWidth: 0 },
    ),
  }));
}

function certificate(name: SecretName, dir: string): Secret & { name: SecretName } {
  return {
    name,
    tls_certificate: {
      certificate_chain: { filename: join(dir, TLS_FILE.certificate) },
      private_key: { filename: join(dir, TLS_FILE.key) },
      watched_directory: { path: dir },
    },
  };
}

function sdsDirectory(root: string): string {
  return join(root, 'state', 'envoy');
}

function sdsPath(root: string, name: SecretName): string {
  return join(sdsDirectory(root), `${name}.yaml`);
}

/** Envoy resolves paths against its own working directory, which nobody should have to know. */
export function assertAbsolute(root: string): void {
  if (!isAbsolute(root)) throw new TypeError('root must be an absolute path');
}
