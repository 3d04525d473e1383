/** Names inside Envoy's configuration; they show in its statistics and access log. */

export const LISTENER = {
  publicHttps: 'public-https',
  httpRedirect: 'http-redirect',
  internalGrpc: 'internal-grpc',
} as const;

export const CLUSTER = { gateway: 'gateway', inference: 'inference', acme: 'acme', admin: 'admin' } as const;

/** Secrets delivered by file, each in `<root>/state/envoy/<name>.yaml`. */
export const SECRET = {
  publicCertificate: 'public-certificate',
  internalCertificate: 'internal-certificate',
  internalAuthority: 'internal-authority',
} as const;
