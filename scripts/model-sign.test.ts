import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it } from 'vitest';
import { folderRepository } from '../inference/src/models/folder-repository.ts';
import { signVersion } from './model-sign.ts';

const DIGITS = fileURLToPath(new URL('../models/digits/1/', import.meta.url));
const keys = generateKeyPairSync('ed25519');

let root: string;
let folder: string;
beforeEach(() => {
  root = tempDir();
  folder = join(root, 'digits/1');
  cpSync(DIGITS, folder, { recursive: true });
});

const open = (publicKeys = [keys.publicKey]) =>
  folderRepository(root, { requireSignature: true, publicKeys }).open(
    'digits',
    '1',
    new AbortController().signal,
  );

describe('npm run model:sign', () => {
  it('signs a version so that a server which requires signatures serves it', async () => {
    expect(signVersion(folder, keys.privateKey)).toBe('digits/1');
    expect((await open()).labels).toHaveLength(10);
    appendFileSync(join(folder, 'labels.json'), ' ');
    await expect(open()).rejects.toMatchObject({ kind: 'digest' });
  });

  it('adds to the signatures of other keys, and none twice', async () => {
    const others = generateKeyPairSync('ed25519');
    for (const { privateKey } of [others, keys, keys]) signVersion(folder, privateKey);
    expect(readFileSync(join(folder, 'manifest.yaml.sig'), 'utf8').trim().split('\n')).toHaveLength(2);
    for (const { publicKey } of [others, keys]) expect((await open([publicKey])).manifest.version).toBe('1');
  });

  it('changes the key of a served version as docs/security.md says: it is served after every step', async () => {
    const next = generateKeyPairSync('ed25519');
    const served = async (...trusted: (typeof keys)[]) =>
      (await open(trusted.map(({ publicKey }) => publicKey))).manifest.version;
    signVersion(folder, keys.privateKey);
    expect(await served(keys)).toBe('1');
    expect(await served(keys, next)).toBe('1');
    signVersion(folder, next.privateKey);
    expect(await served(keys, next)).toBe('1');
    expect(await served(next)).toBe('1');

    rmSync(join(folder, 'manifest.yaml.sig'));
    signVersion(folder, keys.privateKey);
    await expect(served(next)).rejects.toMatchObject({ kind: 'signature' });
  });

  it('writes through no link, and reads no pipe', () => {
    const elsewhere = join(root, 'elsewhere');
    writeFileSync(elsewhere, 'precious');
    symlinkSync(elsewhere, join(folder, 'manifest.yaml.sig.new'));
    signVersion(folder, keys.privateKey);
    expect(readFileSync(elsewhere, 'utf8')).toBe('precious');
    rmSync(join(folder, 'manifest.yaml'));
    symlinkSync('/dev/zero', join(folder, 'manifest.yaml'));
    expect(() => signVersion(folder, keys.privateKey)).toThrow('expected a regular file');
  });

  it('signs nothing that leaves the labels open, and with no key of another kind', () => {
    const path = join(folder, 'manifest.yaml');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace(/\n *labels_sha256:.*/, ''));
    expect(() => signVersion(folder, keys.privateKey)).toThrow(/image\.labels_sha256 is missing/);
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(() => signVersion(folder, rsa.privateKey)).toThrow(/expected an Ed25519 key, not rsa/);
  });
});
