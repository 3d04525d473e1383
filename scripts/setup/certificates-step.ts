import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Step } from './runner.mjs';

const PUBLIC_DIR = 'state/tls/public';
const INTERNAL_DIR = 'state/tls/internal';
const LEAVES = [`${PUBLIC_DIR}/tls.crt`, `${INTERNAL_DIR}/tls.crt`, `${INTERNAL_DIR}/client.crt`];
/** Renewed when less than this is left. */
const RENEW_BEFORE_MS = 30 * 86_400_000;

/** Local certificates: one CA for the public listener, another for the internal one. */
export const certificatesStep: Step = {
  name: 'certificates',
  title: 'local certificates',
  inputs: ['scripts/setup/certificates.ts'],
  outputs: [
    ...LEAVES,
    `${PUBLIC_DIR}/ca.crt`,
    `${PUBLIC_DIR}/tls.key`,
    `${INTERNAL_DIR}/ca.crt`,
    `${INTERNAL_DIR}/tls.key`,
    `${INTERNAL_DIR}/client.key`,
  ],
  isStale: (root) => LEAVES.some((path) => expiresSoon(join(root, path), Date.now())),
  run: async ({ root }) => {
    // The library takes a tenth of a second to load, so it is loaded only when needed.
    const { makeInternalCertificates, makePublicCertificates } = await import('./certificates.ts');
    await makePublicCertificates(join(root, PUBLIC_DIR));
    await makeInternalCertificates(join(root, INTERNAL_DIR));
  },
  remedy: 'make sure that the folder state/ can be written, then run the same command again',
};

/** True when the certificate has less than 30 days left, or cannot be read. */
export function expiresSoon(path: string, nowMs: number): boolean {
  try {
    return new X509Certificate(readFileSync(path)).validToDate.getTime() - nowMs < RENEW_BEFORE_MS;
  } catch {
    return true;
  }
}
