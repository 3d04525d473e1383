import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { IN_WORDS } from '@headgate/contracts/issues';
import { type Manifest, manifestSchema } from '@headgate/contracts/manifest';
import { readDocumentApart, textOf } from '@headgate/runtime/read-document';
import { readRegularFile } from '@headgate/runtime/read-file';
import { issuesOf } from '@headgate/runtime/watch-file';
import { LoadError } from '../load-error.ts';
import { contradiction, type Expected } from './manifest-rules.ts';
import { type Trust, verifySignature } from './trust.ts';

export const MANIFEST_FILE = 'manifest.yaml';

/** A manifest with 256 files of external data takes 45 KiB. */
export const MAX_MANIFEST_BYTES = 64 * 2 ** 10;
/** 20,000 labels of 50 bytes. */
export const MAX_LABELS_BYTES = 2 ** 20;

export interface ReadManifest {
  readonly manifest: Manifest;
  /** Of its bytes, as hex. */
  readonly sha256: string;
}

/**
 * Reads `manifest.yaml`: its signature first, then its form, then whether it can be true.
 *
 * @param expected undefined: the folder's path does not say which version it holds
 * @throws LoadError with the fields that are wrong
 */
export async function readManifest(
  directory: string,
  expected: Expected | undefined,
  trust: Trust,
): Promise<ReadManifest> {
  const path = join(directory, MANIFEST_FILE);
  const bytes = await readBounded(path, MAX_MANIFEST_BYTES);
  await verifySignature(trust, directory, bytes);
  const manifest = await parseManifest(path, bytes);
  const problem = contradiction(manifest, expected);
  if (problem) throw invalid(`${path}: ${problem}`);
  if (trust.requireSignature && manifest.image && !manifest.image.labels_sha256) {
    throw invalid(`${path}: image.labels_sha256: expected where signatures are required`);
  }
  return { manifest, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Reads the labels that the manifest names. @throws LoadError when they are missing or not one for each class */
export async function readLabels(
  directory: string,
  { image, outputs }: Manifest,
): Promise<readonly string[]> {
  if (!image) return [];
  const path = join(directory, image.labels);
  const bytes = await readBounded(path, MAX_LABELS_BYTES);
  if (image.labels_sha256 && createHash('sha256').update(bytes).digest('hex') !== image.labels_sha256) {
    throw new LoadError(`${path} is not the file that image.labels_sha256 names`, { kind: 'digest' });
  }
  const labels = await parsed(path, () => labelsOf(bytes));
  const classes = outputs.find(({ name }) => name === image.output)?.shape.at(-1) ?? -1;
  if (classes >= 0 && classes !== labels.length) {
    throw invalid(
      `${path} has ${labels.length} labels, but the output ${image.output} has ${classes} classes`,
    );
  }
  return labels;
}

async function readBounded(path: string, maxBytes: number): Promise<Buffer> {
  return await readRegularFile(path, { maxBytes, links: 'refuse' }).catch((cause: unknown) => {
    throw invalid(`${path}: ${cause instanceof RangeError ? cause.message : 'it cannot be read'}`, cause);
  });
}

async function parseManifest(path: string, bytes: Buffer): Promise<Manifest> {
  const check = (document: unknown) => manifestSchema.parse(document, IN_WORDS);
  return await parsed(path, () => readDocumentApart(bytes, check));
}

async function parsed<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw invalid(`${path}: ${issuesOf(cause).join('; ')}`, cause);
  }
}

async function labelsOf(bytes: Buffer): Promise<readonly string[]> {
  let labels: unknown;
  try {
    labels = JSON.parse(textOf(bytes));
  } catch {
    // Where it is no JSON, YAML is read, or says in which line it ends.
    return await readDocumentApart(bytes, checkLabels);
  }
  return checkLabels(labels);
}

/** By hand: a schema would word a problem for each wrong label. @throws RangeError */
function checkLabels(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new RangeError('expected a list of texts, such as ["cat", "dog"]');
  }
  const wrong = value.findIndex((label) => typeof label !== 'string');
  if (wrong < 0) return value;
  throw new RangeError(`label ${wrong}, counted from 0: expected text; put it in quotes`);
}

function invalid(message: string, cause?: unknown): LoadError {
  return new LoadError(message, { kind: 'manifest', cause });
}
