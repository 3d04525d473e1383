import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { join } from 'node:path';
import type { InferenceConfig } from '@headgate/contracts/config/schema';
import { readRegularFile, readRegularFileSync } from '@headgate/runtime/read-file';
import { LoadError } from '../load-error.ts';

/**
 * A detached signature of `manifest.yaml`: Ed25519 over the bytes of the file, as base64, one line for each key that
 * signed. The manifest holds name, version and the digest of every other file, so it signs those too.
 */
export const SIGNATURE_FILE = 'manifest.yaml.sig';

const SIGNATURE_BYTES = 64;
/** As many keys as can be configured. */
const MAX_SIGNATURES = 32;
/** Of a file of signatures, or of a key: as many lines, and comments. */
export const MAX_FILE_BYTES = 2 ** 14;

/** Whose model versions are served. */
export interface Trust {
  readonly requireSignature: boolean;
  readonly publicKeys: readonly KeyObject[];
}

/** Everybody's who can write to the repository. */
export const TRUST_ALL: Trust = { requireSignature: false, publicKeys: [] };

/** @throws LoadError when a key cannot be read or is no Ed25519 public key */
export function readTrust(
  { require_signature, public_key_files }: InferenceConfig['models_trust'],
  pathOf: (file: string) => string,
): Trust {
  const publicKeys = public_key_files.map((file) => readPublicKey(pathOf(file), file));
  return { requireSignature: require_signature, publicKeys };
}

function readPublicKey(path: string, name: string): KeyObject {
  const where = `inference.models_trust.public_key_files: ${name}`;
  const pem = attempt(
    () => readRegularFileSync(path, { maxBytes: MAX_FILE_BYTES }).toString(),
    (cause) => untrusted(`${where} cannot be read`, cause),
  );
  // createPublicKey would take a private key too, which has no business on a server.
  if (pem.includes('PRIVATE KEY')) throw untrusted(`${where}: this is a private key; give the public one`);
  const key = attempt(
    () => createPublicKey(pem),
    (cause) => untrusted(`${where}: expected a public key as PEM`, cause),
  );
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw untrusted(`${where}: expected an Ed25519 key, not ${key.asymmetricKeyType}`);
}

/**
 * To be called before anything in the manifest is believed.
 *
 * @param manifest bytes of `manifest.yaml`
 * @throws LoadError unless one of the trusted keys signed exactly these bytes, or no signature is required
 */
export async function verifySignature(trust: Trust, directory: string, manifest: Uint8Array): Promise<void> {
  if (!trust.requireSignature) return;
  const path = join(directory, SIGNATURE_FILE);
  const options = { maxBytes: MAX_FILE_BYTES, links: 'refuse' } as const;
  const text = await readRegularFile(path, options).catch((cause: unknown) => {
    const problem = cause instanceof RangeError ? `is unusable (${cause.message})` : 'is missing';
    throw untrusted(`${path} ${problem}, but inference.models_trust.require_signature is true`, cause);
  });
  const signatures = text
    .toString()
    .split('\n', MAX_SIGNATURES)
    .map((line) => Buffer.from(line.trim(), 'base64'));
  const isSigned = signatures.some(
    (signature) =>
      signature.byteLength === SIGNATURE_BYTES &&
      trust.publicKeys.some((key) => verify(null, manifest, key, signature)),
  );
  if (isSigned) return;
  throw untrusted(
    `${path}: none of the keys in inference.models_trust.public_key_files signed this manifest as it is; ` +
      'it was changed, or another key signed it',
  );
}

function attempt<T>(work: () => T, wrap: (cause: unknown) => Error): T {
  try {
    return work();
  } catch (cause) {
    throw wrap(cause);
  }
}

function untrusted(message: string, cause?: unknown): LoadError {
  return new LoadError(message, { kind: 'signature', cause });
}
