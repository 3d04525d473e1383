import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { LOCAL_AUTHORITY } from '@headgate/contracts/development';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
/** Mozilla's intermediate profile allows 366 for a leaf; browsers no more than 398. */
const VALID_DAYS = 365;
/** Clients' clocks may be slow. */
const BACKDATE_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** The names under which a local client reaches the listeners. */
const LOCAL_NAMES: x509.JsonGeneralName[] = [
  { type: 'dns', value: 'localhost' },
  { type: 'ip', value: '127.0.0.1' },
  { type: 'ip', value: '::1' },
];

export interface Identity {
  readonly certificate: string;
  /** PKCS #8, PEM. */
  readonly key: string;
}

interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Signs leaves. Its key exists in memory only, so nothing can be signed after setup. */
export interface Authority {
  readonly certificate: string;
  /** @param validity a year from now by default */
  issue(commonName: string, usage: 'server' | 'client', validity?: Validity): Promise<Identity>;
}

/** Writes `ca.crt`, `tls.crt` and `tls.key` for the public listener into `dir`. */
export async function makePublicCertificates(dir: string): Promise<void> {
  const authority = await createAuthority(LOCAL_AUTHORITY.public);
  const server = await authority.issue('localhost', 'server');
  writeAll(dir, { 'tls.key': server.key, 'tls.crt': server.certificate, 'ca.crt': authority.certificate });
}

/** Writes a CA of its own, a server and a client identity for the internal mTLS listener into `dir`. */
export async function makeInternalCertificates(dir: string): Promise<void> {
  const authority = await createAuthority(LOCAL_AUTHORITY.internal);
  const server = await authority.issue('localhost', 'server');
  const client = await authority.issue('headgate-internal-client', 'client');
  writeAll(dir, {
    'tls.key': server.key,
    'tls.crt': server.certificate,
    'client.key': client.key,
    'client.crt': client.certificate,
    'ca.crt': authority.certificate,
  });
}

export async function createAuthority(commonName: string): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const usages = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    serialNumber: serialNumber(),
    name: `CN=${commonName}`,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(usages, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificate: certificate.toString('pem'),
    issue: (commonName, usage, valid = validity()) =>
      issueLeaf({ certificate, keys }, { commonName, usage, valid }),
  };
}

interface Leaf {
  readonly commonName: string;
  readonly usage: 'server' | 'client';
  readonly valid: Validity;
}

async function issueLeaf(
  issuer: { certificate: x509.X509Certificate; keys: webcrypto.CryptoKeyPair },
  { commonName, usage, valid }: Leaf,
): Promise<Identity> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const local = usage === 'server' ? LOCAL_NAMES : [];
  const names = local.some(({ value }) => value === commonName)
    ? local
    : [...local, { type: isIP(commonName) === 0 ? 'dns' : 'ip', value: commonName } as const];
  const certificate = await x509.X509CertificateGenerator.create({
    ...valid,
    serialNumber: serialNumber(),
    subject: `CN=${commonName}`,
    issuer: issuer.certificate.subject,
    signingAlgorithm: ALGORITHM,
    signingKey: issuer.keys.privateKey,
    publicKey: keys.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[`${usage}Auth`]]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certificate: certificate.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') };
}

function validity(): Validity {
  const now = Date.now();
  return { notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + VALID_DAYS * DAY_MS) };
}

/** 16 random bytes as hex, positive and without a leading zero. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

/** Each file appears whole, so that an Envoy that watches them never loads half a key. */
export function writeAll(dir: string, files: Record<string, string>): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const [name, pem] of Object.entries(files)) {
    const path = join(dir, name);
    writeFileSync(`${path}.tmp`, `${pem.trimEnd()}\n`, { mode: name.endsWith('.key') ? 0o600 : 0o644 });
    renameSync(`${path}.tmp`, path);
  }
}
