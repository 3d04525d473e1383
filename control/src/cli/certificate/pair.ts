import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { CliError } from '../errors.ts';

/** A certificate chain with its key, checked to be what a listener can serve. */
export interface Pair {
  readonly leaf: X509Certificate;
  /** PEM, leaf first. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
}

interface Expectation {
  /** Host names and addresses that the leaf must be good for. */
  readonly names: readonly string[];
  readonly nowMs: number;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Envoy keeps its old pair when a new one does not fit together, but it would serve one that has expired or is for
 * another name.
 *
 * @throws CliError usage, for the first thing that is wrong
 */
export function checkPair(chain: string, key: string, { names, nowMs }: Expectation): Pair {
  const [leaf, ...issuers] = certificatesOf(chain);
  if (leaf === undefined) throw wrong('there is no certificate in the file of the chain');
  if (leaf.ca) throw wrong('the first certificate is that of an authority', 'put the leaf first');
  if (!leaf.checkPrivateKey(keyOf(key))) throw wrong('the key is not that of the certificate');
  [leaf, ...issuers].reduce((subject, issuer) => {
    if (!subject.checkIssued(issuer))
      throw wrong('a certificate of the chain does not sign the one before it');
    return issuer;
  });
  if (nowMs < leaf.validFromDate.getTime()) throw wrong(`the certificate is valid from ${leaf.validFrom}`);
  if (nowMs >= leaf.validToDate.getTime()) throw wrong(`the certificate ended at ${leaf.validTo}`);
  const missing = names.filter((name) => !covers(leaf, name));
  if (missing.length > 0) {
    throw wrong(
      `the certificate is not for ${missing.join(', ')}`,
      'ask the authority for all of envoy.server_names, or name fewer there',
    );
  }
  return { leaf, chain, key };
}

function certificatesOf(chain: string): X509Certificate[] {
  try {
    return (chain.match(PEM_CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
  } catch (cause) {
    throw wrong('the file of the chain holds something that is no certificate', undefined, cause);
  }
}

function keyOf(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw wrong(
      'the file of the key holds no private key that can be read without a password',
      undefined,
      cause,
    );
  }
}

function covers(leaf: X509Certificate, name: string): boolean {
  return (isIP(name) ? leaf.checkIP(name) : leaf.checkHost(name)) !== undefined;
}

function wrong(
  message: string,
  remedy = 'nothing was installed; Envoy goes on with what it has',
  cause?: unknown,
) {
  return new CliError('usage', message, { remedy, cause });
}
