/**
 * `npm run model:sign -- FOLDER KEY`: signs the manifest of a model version with an Ed25519 private key (PEM), for
 * servers with `inference.models_trust.require_signature: true`. The signature is added to those of other keys.
 *
 *   openssl genpkey -algorithm ed25519 -out model.key
 *   openssl pkey -in model.key -pubout -out model.pub
 */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IN_WORDS } from '@headgate/contracts/issues';
import { type Manifest, manifestSchema } from '@headgate/contracts/manifest';
import { readDocument } from '@headgate/runtime/read-document';
import { type Links, readRegularFileSync } from '@headgate/runtime/read-file';
import { issuesOf } from '@headgate/runtime/watch-file';

const SIGNATURE_FILE = 'manifest.yaml.sig';
const MAX_FILE_BYTES = 2 ** 16;

/**
 * Signs `manifest.yaml` in the folder of a version.
 *
 * @returns the name and version that were signed
 * @throws Error with the obstacle
 */
export function signVersion(folder: string, key: KeyObject): string {
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`expected an Ed25519 key, not ${key.asymmetricKeyType}`);
  const bytes = readSmall(join(folder, 'manifest.yaml'));
  const { name, version, image } = manifestIn(bytes);
  if (image && !image.labels_sha256) {
    throw new Error(
      `image.labels_sha256 is missing: add the SHA-256 of ${image.labels}, so that it is signed too`,
    );
  }
  const path = join(folder, SIGNATURE_FILE);
  const line = sign(null, bytes, key).toString('base64');
  const others = existsSync(path)
    ? readSmall(path)
        .toString()
        .split('\n')
        .filter((one) => one && one !== line)
    : [];
  // Never through a link that somebody has put there.
  rmSync(`${path}.new`, { force: true });
  writeFileSync(`${path}.new`, `${[...others, line].join('\n')}\n`, { flag: 'wx' });
  renameSync(`${path}.new`, path);
  return `${name}/${version}`;
}

function manifestIn(bytes: Buffer): Manifest {
  try {
    return readDocument(bytes, (document) => manifestSchema.parse(document, IN_WORDS));
  } catch (cause) {
    throw new Error(`manifest.yaml: ${issuesOf(cause).join('; ')}`, { cause });
  }
}

/** As the server reads them; the key may be a link. */
function readSmall(path: string, links: Links = 'refuse'): Buffer {
  return readRegularFileSync(path, { maxBytes: MAX_FILE_BYTES, links });
}

function main([folder, keyFile]: readonly string[]): void {
  if (!folder || !keyFile) {
    console.error('usage: npm run model:sign -- FOLDER KEY');
    process.exit(2);
  }
  try {
    console.log(`signed ${signVersion(folder, createPrivateKey(readSmall(keyFile, 'follow')))}`);
  } catch (error) {
    console.error(`not signed: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
