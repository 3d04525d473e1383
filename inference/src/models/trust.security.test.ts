import { generateKeyPairSync, sign } from 'node:crypto';
import { appendFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadOnce } from '../testing/load-once.ts';
import { PICK, writeTensorModel } from '../testing/tensor-models.ts';
import { folderRepository } from './folder-repository.ts';
import { readTrust, SIGNATURE_FILE } from './trust.ts';

const DIGITS = fileURLToPath(new URL('../../../models/digits/1/', import.meta.url));
const ours = generateKeyPairSync('ed25519');
const theirs = generateKeyPairSync('ed25519');
const never = new AbortController().signal;

let root: string;
beforeEach(() => {
  root = tempDir();
  for (const version of ['1', '2']) writeTensorModel(root, 'pick', PICK, version);
});

const fileOf = (version: string, name: string) => join(root, 'pick', version, name);

function signVersion(version: string, { privateKey } = ours): void {
  const signature = sign(null, readFileSync(fileOf(version, 'manifest.yaml')), privateKey);
  writeFileSync(fileOf(version, SIGNATURE_FILE), `${signature.toString('base64')}\n`);
}

const open = (version = '1', requireSignature = true) =>
  folderRepository(root, { requireSignature, publicKeys: [ours.publicKey] }).open('pick', version, never);

describe('where signatures are required', () => {
  it('serves a version that is signed with a trusted key', async () => {
    signVersion('1');
    expect((await open()).manifest.version).toBe('1');
  });

  it('takes any of several keys and several signatures, so that keys can be changed', async () => {
    signVersion('1', theirs);
    const theirLine = readFileSync(fileOf('1', SIGNATURE_FILE));
    signVersion('1');
    const line = readFileSync(fileOf('1', SIGNATURE_FILE));
    writeFileSync(fileOf('1', SIGNATURE_FILE), Buffer.concat([theirLine, line]));
    expect((await open()).manifest.version).toBe('1');
    const trust = { requireSignature: true, publicKeys: [theirs.publicKey, ours.publicKey] };
    writeFileSync(fileOf('1', SIGNATURE_FILE), line);
    expect((await folderRepository(root, trust).open('pick', '1', never)).manifest.version).toBe('1');
  });

  it.each<[string, () => void, RegExp]>([
    ['no signature', () => {}, /manifest\.yaml\.sig is missing, but .* is true/],
    [
      'the signature of another key',
      () => signVersion('1', theirs),
      /none of the keys .* signed this manifest/,
    ],
    [
      'a manifest that was altered after it was signed',
      () => {
        signVersion('1');
        appendFileSync(fileOf('1', 'manifest.yaml'), ' ');
      },
      /it was changed, or another key signed it/,
    ],
    [
      'the signature of another version',
      () => {
        signVersion('2');
        cpSync(fileOf('2', SIGNATURE_FILE), fileOf('1', SIGNATURE_FILE));
      },
      /it was changed/,
    ],
    ['an empty signature', () => writeFileSync(fileOf('1', SIGNATURE_FILE), ''), /none of the keys/],
    ['junk', () => writeFileSync(fileOf('1', SIGNATURE_FILE), 'A'.repeat(88)), /none of the keys/],
  ])('refuses %s, and says so', async (_, prepare, message) => {
    prepare();
    await expect(open()).rejects.toMatchObject({
      kind: 'signature',
      message: expect.stringMatching(message),
    });
  });

  it('refuses a signed version that was moved to another place, as an old one played back would be', async () => {
    signVersion('1');
    for (const file of ['manifest.yaml', SIGNATURE_FILE]) cpSync(fileOf('1', file), fileOf('2', file));
    await expect(open('2')).rejects.toThrow('it describes pick/1, but lies in the folder of pick/2');
  });

  it('checks the signature before it believes, or even parses, anything', async () => {
    writeFileSync(fileOf('1', 'manifest.yaml'), '{ not yaml');
    signVersion('1', theirs);
    await expect(open()).rejects.toMatchObject({ kind: 'signature' });
  });

  it('refuses a model file that was altered: its digest is signed with the manifest', async () => {
    signVersion('1');
    const opened = await open();
    const model = readFileSync(fileOf('1', 'model.onnx'));
    model[model.length - 1] = (model.at(-1) as number) ^ 1;
    writeFileSync(fileOf('1', 'model.onnx'), model);
    await expect(loadOnce(opened)).rejects.toMatchObject({ kind: 'digest' });
  });

  it('wants the digest of the labels too, and holds them to it', async () => {
    const directory = join(root, 'digits/1');
    cpSync(DIGITS, directory, { recursive: true });
    const manifest = readFileSync(join(directory, 'manifest.yaml'), 'utf8').replace(
      /\n *labels_sha256:.*/,
      '',
    );
    const digits = (text: string) => {
      writeFileSync(join(directory, 'manifest.yaml'), text);
      const signature = sign(null, Buffer.from(text), ours.privateKey);
      writeFileSync(join(directory, SIGNATURE_FILE), signature.toString('base64'));
      const trust = { requireSignature: true, publicKeys: [ours.publicKey] };
      return folderRepository(root, trust).open('digits', '1', never);
    };
    await expect(digits(manifest)).rejects.toThrow(
      'image.labels_sha256: expected where signatures are required',
    );
    const altered = manifest.replace(
      'labels: labels.json',
      `labels: labels.json\n  labels_sha256: ${'a'.repeat(64)}`,
    );
    await expect(digits(altered)).rejects.toMatchObject({ kind: 'digest' });
  });
});

describe('where no signature is required', () => {
  it('serves unsigned versions', async () => {
    expect((await open('1', false)).manifest.version).toBe('1');
  });
});

describe('readTrust', () => {
  const trustIn = (pem: string | Buffer) => {
    writeFileSync(join(root, 'key.pem'), pem);
    const config = { require_signature: true, public_key_files: ['key.pem'] };
    return readTrust(config, (file) => join(root, file));
  };

  it('reads public keys', () => {
    const pem = ours.publicKey.export({ type: 'spki', format: 'pem' });
    expect(trustIn(pem).publicKeys[0]?.equals(ours.publicKey)).toBe(true);
  });

  it.each<[string, string | Buffer, RegExp]>([
    [
      'a private key',
      ours.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      /key\.pem: this is a private key/,
    ],
    [
      'a key of another kind',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }),
      /expected an Ed25519 key, not ec/,
    ],
    ['anything else', 'hello', /expected a public key as PEM/],
  ])('refuses to start with %s', (_, pem, message) => {
    expect(() => trustIn(pem)).toThrow(message);
  });

  it('refuses to start without the file', () => {
    const config = { require_signature: true, public_key_files: ['nowhere.pem'] };
    expect(() => readTrust(config, (file) => join(root, file))).toThrow(/nowhere\.pem cannot be read/);
  });
});
