/**
 * `npm run model:sign -- FOLDER KEY`: signs the manifest of a model version with an Ed25519 private key (PEM), for
 * servers with `inference.models_trust.require_signature: true`. The signature is added to those of other keys.
 *
 *   openssl genpkey -algorithm ed25519 -out model.key
 *   openssl pkey -in model.key -pubout -out model.pub
 */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manifestSchema } from '@headgate/contracts/manifest';
import { parseYaml } from '@headgate/runtime/parse-yaml';

const SIGNATURE_FILE = 'manifest.yaml.sig';

/**
 * Signs `manifest.yaml` in the folder of a version.
 *
 * @returns the name and version that were signed
 * @throws Error with the obstacle
 */
export function signVersion(folder: string, key: KeyObject): string {
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`expected an Ed25519 key, not ${key.asymmetricKeyType}`);
  const bytes = readFileSync(join(folder, 'manifest.yaml'));
  const { name, version, image } = manifestSchema.parse(parseYaml(bytes.toString('utf8')));
  if (image && !image.labels_sha256) {
    throw new Error(
      `image.labels_sha256 is missing: add the SHA-256 of ${image.labels}, so that it is signed too`,
    );
  }
  const path = join(folder, SIGNATURE_FILE);
  const line = sign(null, bytes, key).toString('base64');
  const others = existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((one) => one && one !== line)
    : [];
  writeFileSync(`${path}.new`, `${[...others, line].join('\n')}\n`);
  renameSync(`${path}.new`, path);
  return `${name}/${version}`;
}

function main([folder, keyFile]: readonly string[]): void {
  if (!folder || !keyFile) {
    console.error('usage: npm run model:sign -- FOLDER KEY');
    process.exit(2);
  }
  try {
    console.log(`signed ${signVersion(folder, createPrivateKey(readFileSync(keyFile)))}`);
  } catch (error) {
    console.error(`not signed: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
