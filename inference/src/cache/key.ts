import { createHash, type Hash } from 'node:crypto';
import type { Manifest } from '@headgate/contracts/manifest';
import type { Payload, RawTensor } from '../engine/protocol.ts';

/** Who may see an answer again: a tenant by its opaque id; undefined for callers inside, who are one of their own. */
export type Tenant = string | undefined;

/** The key under which the answer to one item is kept; with a sketch it is another answer. */
export type KeyOf = (tenant: Tenant, payload: Payload, sketch?: boolean) => string;

/** Bumped whenever the encoding below changes. */
const DOMAIN = 'headgate.cache.2';

/**
 * Keys for one model version: SHA-256 over who asks, what answers and what is asked. What answers is the whole
 * manifest: with the digests of the model's files, the version of the preprocessing, and all else that shapes a row.
 *
 * Every field is preceded by its length and every list by its count, so that no two different questions are the
 * same bytes; and nobody finds two byte strings of one SHA-256.
 */
export function keysFor(manifest: Manifest): KeyOf {
  const model = createHash('sha256').update(JSON.stringify(manifest)).digest();
  const datatypes = manifest.inputs.map(({ datatype }) => datatype);
  return (tenant, payload, sketch = false) => {
    const hash = createHash('sha256');
    addText(hash, DOMAIN);
    addBytes(hash, model);
    addTenant(hash, tenant);
    addText(hash, sketch ? 'sketch' : '');
    if (payload instanceof Uint8Array) addImage(hash, payload);
    else addTensors(hash, payload, datatypes);
    return hash.digest('base64url');
  };
}

function addTenant(hash: Hash, tenant: Tenant): void {
  addText(hash, tenant === undefined ? 'internal' : 'tenant');
  addText(hash, tenant ?? '');
}

function addImage(hash: Hash, image: Uint8Array): void {
  addText(hash, 'image');
  addBytes(hash, image);
}

function addTensors(hash: Hash, tensors: readonly RawTensor[], datatypes: readonly string[]): void {
  addText(hash, 'tensors');
  addText(hash, String(tensors.length));
  tensors.forEach(({ shape, block }, i) => {
    addText(hash, datatypes[i] ?? '');
    addText(hash, shape.join());
    addBytes(hash, block);
  });
}

function addText(hash: Hash, text: string): void {
  addBytes(hash, Buffer.from(text, 'utf8'));
}

function addBytes(hash: Hash, bytes: Uint8Array): void {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.byteLength));
  hash.update(length).update(bytes);
}
