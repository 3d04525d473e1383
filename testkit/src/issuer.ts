import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OidcIssuer } from '@headgate/contracts/config/schema';
import type { DependencyConfig } from '@headgate/runtime/resilience/policies';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

/** A real issuer of tokens on loopback: discovery document, key set and signing keys. */
export interface Issuer {
  readonly url: string;
  /** The issuer in the configuration of the gateway. */
  readonly config: OidcIssuer;
  /** Requests for the key set so far. */
  keyRequests(): number;
  /** false: it closes each connection without an answer. */
  isUp: boolean;
  /** Every answer waits for this. */
  until: Promise<void>;
  /** Status of every answer; an answer other than 200 has no body. */
  status: number;
  /** Replaces the signing key, also in the key set. */
  rotate(): Promise<void>;
  key(): SigningKey;
  /** A valid token, changed as the arguments say. */
  token(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

export const AUDIENCE = 'headgate-test';
const ALG = 'ES256';

/** The breaker opens after two failed attempts. */
export const ASKED_TWICE: DependencyConfig = {
  timeout_ms: 500,
  concurrency: 1,
  retry: {
    attempts: 1,
    backoff_min_ms: 1,
    backoff_max_ms: 1,
    budget: { share: 1, min_retries: 100, window_ms: 1000 },
  },
  breaker: { failures: 2, open_min_ms: 10_000, open_max_ms: 10_000 },
};

/** @param nowMs clock of `iat` and `exp` */
export async function startIssuer(nowMs: () => number): Promise<Issuer> {
  let key = await signingKey('key-1');
  let made = 1;
  let keyRequests = 0;

  const server = createServer(async (request, response) => {
    await issuer.until;
    if (!issuer.isUp) return void request.socket.destroy();
    if (issuer.status !== 200) return void response.writeHead(issuer.status).end();
    if (request.url === '/.well-known/openid-configuration') {
      return sendJson(response, { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` });
    }
    keyRequests += 1;
    sendJson(response, { keys: [key.publicJwk] });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const issuer: Issuer = {
    url,
    config: configOf(url),
    keyRequests: () => keyRequests,
    isUp: true,
    until: Promise.resolve(),
    status: 200,
    key: () => key,
    async rotate() {
      made += 1;
      key = await signingKey(`key-${made}`);
    },
    token: (claims = {}, header = {}) => {
      const nowS = Math.floor(nowMs() / 1000);
      const all = {
        iss: url,
        aud: AUDIENCE,
        sub: 'alice',
        iat: nowS,
        exp: nowS + 300,
        scope: 'predict read',
        ...claims,
      };
      return new SignJWT(all)
        .setProtectedHeader({ alg: ALG, typ: 'at+jwt', kid: key.kid, ...header })
        .sign(key.privateKey);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return issuer;
}

function configOf(issuer: string): OidcIssuer {
  return {
    name: 'test',
    issuer,
    audiences: [AUDIENCE],
    algorithms: [ALG],
    jwks_uri: '',
    token_types: ['at+jwt'],
    clock_skew_s: 30,
    tier: 'bench',
    scope_claim: 'scope',
    scopes: { predict: ['predict'], read: ['read'], all: ['predict', 'feedback', 'read', 'operate'] },
    role_claim: 'groups',
    roles: { testers: 'tester', admins: 'admin' },
    model_claim: '',
  };
}

async function signingKey(kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(ALG, { extractable: true });
  return { kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: ALG, use: 'sig' } };
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
}
