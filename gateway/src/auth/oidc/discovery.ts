import type { OidcIssuer } from '@headgate/contracts/config/schema';
import { isSecureUrl } from '@headgate/contracts/secure-url';
import type { JSONWebKeySet, JWK } from 'jose';

const MAX_KEYS = 100;
const ASYMMETRIC: ReadonlySet<unknown> = new Set(['RSA', 'EC', 'OKP', 'AKP']);

/**
 * The public keys of an issuer. Where its configuration names no address for them, the discovery document does; it is
 * read each time, so that the keys may move.
 *
 * @throws Error when document or keys are not usable
 */
export async function loadKeys(
  { issuer, jwks_uri }: Pick<OidcIssuer, 'issuer' | 'jwks_uri'>,
  fetch: typeof globalThis.fetch,
  signal: AbortSignal,
): Promise<JSONWebKeySet> {
  const url = jwks_uri === '' ? await discover(issuer, fetch, signal) : jwks_uri;
  const document = await fetchJson(fetch, url, signal);
  const keys = isRecord(document) && Array.isArray(document.keys) ? document.keys : [];
  // A shared secret among public keys would be one that everybody knows.
  const usable = keys.filter((key): key is JWK => isRecord(key) && ASYMMETRIC.has(key.kty));
  if (usable.length === 0 || usable.length > MAX_KEYS)
    throw new Error(`the key set has ${usable.length} public keys`);
  return { keys: usable };
}

/** OpenID Connect Discovery 1.0, section 4. */
async function discover(
  issuer: string,
  fetch: typeof globalThis.fetch,
  signal: AbortSignal,
): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = await fetchJson(fetch, url, signal);
  if (!isRecord(document) || document.issuer !== issuer)
    throw new Error('the discovery document is of another issuer');
  const { jwks_uri } = document;
  if (typeof jwks_uri !== 'string' || !isSecureUrl(jwks_uri))
    throw new Error('the discovery document has no jwks_uri');
  return jwks_uri;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Discovery documents and key sets are a few KiB. */
const MAX_BYTES = 256 * 1024;

/**
 * A JSON document from a server that may be wrong or slow: no redirects, no more bytes than `MAX_BYTES`.
 *
 * @throws whatever `fetch` throws, and Error when the answer is none
 */
async function fetchJson(fetch: typeof globalThis.fetch, url: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`answered with status ${response.status}`);
  }
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  // Leaving the loop by an error cancels the stream.
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`answered with more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(await new Response(new Blob(chunks)).text());
}
