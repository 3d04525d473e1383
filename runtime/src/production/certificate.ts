import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { LOCAL_AUTHORITY } from '@headgate/contracts/development';
import { readRegularFileSync } from '../read-file.ts';

/** A chain of several certificates is a hundredth of it. */
const MAX_BYTES = 2 ** 20;

export interface Expected {
  readonly files: readonly string[];
  /** Host names and addresses that the certificate must be good for. */
  readonly names: readonly string[];
  readonly remedy: string;
}

/** What is wrong with `tls.crt` and its companions in `dir`, each with what to do. */
export function certificateProblems(dir: string, { files, names, remedy }: Expected): string[] {
  const absent = files.filter((file) => !existsSync(join(dir, file)));
  if (absent.length > 0) return [`${absent.join(', ')} is not in ${dir}; ${remedy}`];
  const path = join(dir, 'tls.crt');
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(readRegularFileSync(path, { maxBytes: MAX_BYTES }));
  } catch {
    return [`${path} is no certificate; ${remedy}`];
  }
  const issuer = leaf.issuer.split('\n');
  if (Object.values(LOCAL_AUTHORITY).some((name) => issuer.includes(`CN=${name}`))) {
    return [`${path} is of the local authority, for development alone; ${remedy}`];
  }
  if (leaf.validToDate.getTime() < Date.now()) return [`${path} ended at ${leaf.validTo}; ${remedy}`];
  const others = names.filter(
    (name) => !(isIP(name) ? leaf.checkIP(name) : leaf.checkHost(name.replace('*', 'any'))),
  );
  return others.length === 0 ? [] : [`${path} is not for ${others.join(', ')}; ${remedy}`];
}
