import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, manifestSchema } from '@headgate/contracts/manifest';
import { describeIssues } from '@headgate/contracts/routing';
import { parseYaml, YamlError } from '@headgate/runtime/parse-yaml';
import { z } from 'zod';
import { LoadError } from '../load-error.ts';
import { contradiction, type Expected } from './manifest-rules.ts';
import { type Trust, verifySignature } from './trust.ts';

export const MANIFEST_FILE = 'manifest.yaml';

/** Larger manifests and lists of labels are refused, in bytes. */
const MAX_TEXT_BYTES = 16 * 2 ** 20;

const labelsSchema = z.array(z.string()).min(1);

/**
 * Reads `manifest.yaml`: its signature first, then its form, then whether it can be true.
 *
 * @throws LoadError with the fields that are wrong
 */
export async function readManifest(directory: string, expected: Expected, trust: Trust): Promise<Manifest> {
  const path = join(directory, MANIFEST_FILE);
  const bytes = await readBounded(path);
  await verifySignature(trust, directory, bytes);
  const manifest = parse(path, bytes, parseYaml, manifestSchema);
  const problem = contradiction(manifest, expected);
  if (problem) throw invalid(`${path}: ${problem}`);
  if (trust.requireSignature && manifest.image && !manifest.image.labels_sha256) {
    throw invalid(`${path}: image.labels_sha256: expected where signatures are required`);
  }
  return manifest;
}

/** Reads the labels that the manifest names. @throws LoadError when they are missing or not one for each class */
export async function readLabels(
  directory: string,
  { image, outputs }: Manifest,
): Promise<readonly string[]> {
  if (!image) return [];
  const path = join(directory, image.labels);
  const bytes = await readBounded(path);
  if (image.labels_sha256 && createHash('sha256').update(bytes).digest('hex') !== image.labels_sha256) {
    throw new LoadError(`${path} is not the file that image.labels_sha256 names`, { kind: 'digest' });
  }
  const labels = parse(path, bytes, JSON.parse, labelsSchema);
  const classes = outputs.find(({ name }) => name === image.output)?.shape.at(-1) ?? -1;
  if (classes >= 0 && classes !== labels.length) {
    throw invalid(
      `${path} has ${labels.length} labels, but the output ${image.output} has ${classes} classes`,
    );
  }
  return labels;
}

/** Opened once, so that size and content are of the same file. */
async function readBounded(path: string): Promise<Buffer> {
  const file = await open(path).catch((cause: unknown) => {
    throw invalid(`${path} cannot be read`, cause);
  });
  try {
    const { size } = await file.stat();
    if (size > MAX_TEXT_BYTES) {
      throw invalid(`${path} has ${size} bytes; expected at most ${MAX_TEXT_BYTES}`);
    }
    return await file.readFile().catch((cause: unknown) => {
      throw invalid(`${path} cannot be read`, cause);
    });
  } finally {
    await file.close();
  }
}

function parse<T extends z.ZodType>(
  path: string,
  bytes: Buffer,
  read: (text: string) => unknown,
  schema: T,
): z.output<T> {
  let document: unknown;
  try {
    document = read(bytes.toString('utf8'));
  } catch (cause) {
    throw invalid(`${path}: ${cause instanceof YamlError ? cause.message : 'not valid JSON'}`, cause);
  }
  const result = schema.safeParse(document);
  if (!result.success) throw invalid(`${path}: ${describeIssues(result.error).join('; ')}`);
  return result.data;
}

function invalid(message: string, cause?: unknown): LoadError {
  return new LoadError(message, { kind: 'manifest', cause });
}
