import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
/** A test cluster lives for hours. */
const VALID_MS = 7 * 86_400_000;
const BACKDATE_MS = 3_600_000;

interface Identity {
  readonly certificate: string;
  /** PKCS #8, PEM. */
  readonly key: string;
}

/** Kubernetes takes the user's name from the common name, and the group from the organisation. */
interface Subject {
  readonly commonName: string;
  readonly group?: string;
  /** DNS names and IP addresses of a server. */
  readonly names?: readonly string[];
}

/** A certificate authority of the test cluster. */
export interface Authority extends Identity {
  issue(subject: Subject): Promise<Identity>;
}

/** Creates an authority that signs certificates for clients and servers of Kubernetes. */
export async function createAuthority(commonName: string): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name: [{ CN: [commonName] }],
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const issue = async ({ commonName, group, names = [] }: Subject): Promise<Identity> => {
    const leaf = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const extensions: x509.Extension[] = [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.clientAuth,
        x509.ExtendedKeyUsage.serverAuth,
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(certificate),
    ];
    const general = names.map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value }));
    if (general.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(general));
    const issued = await x509.X509CertificateGenerator.create({
      ...validity(),
      subject: [...(group === undefined ? [] : [{ O: [group] }]), { CN: [commonName] }],
      issuer: certificate.subject,
      signingAlgorithm: ALGORITHM,
      signingKey: keys.privateKey,
      publicKey: leaf.publicKey,
      extensions,
    });
    return { certificate: issued.toString('pem'), key: await pem(leaf.privateKey) };
  };
  return { certificate: certificate.toString('pem'), key: await pem(keys.privateKey), issue };
}

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function validity() {
  const now = Date.now();
  return { notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + VALID_MS) };
}
