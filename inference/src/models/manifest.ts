import { readFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { type Manifest, manifestSchema } from '@headgate/contracts/manifest';
import { describeIssues } from '@headgate/contracts/routing';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { LoadError } from '../load-error.ts';

const labelsSchema = z.array(z.string()).min(1);

/** Reads and checks `manifest.yaml`. @throws LoadError with every problem, one after the other */
export async function readManifest(
  directory: string,
  expected: { readonly model: string; readonly version: string },
): Promise<Manifest> {
  const path = join(directory, 'manifest.yaml');
  const manifest = parse(path, await readText(path), parseYaml, manifestSchema);
  const problem = contradiction(manifest, expected);
  if (problem) throw new LoadError(`${path}: ${problem}`);
  return manifest;
}

/** Reads the labels that the manifest names. @throws LoadError when they are missing or not one for each class */
export async function readLabels(
  directory: string,
  { image, outputs }: Manifest,
): Promise<readonly string[]> {
  if (!image) return [];
  const path = join(directory, image.labels);
  const labels = parse(path, await readText(path), JSON.parse, labelsSchema);
  const classes = outputs.find(({ name }) => name === image.output)?.shape.at(-1) ?? -1;
  if (classes >= 0 && classes !== labels.length) {
    throw new LoadError(
      `${path} has ${labels.length} labels, but the output ${image.output} has ${classes} classes`,
    );
  }
  return labels;
}

function contradiction(manifest: Manifest, expected: { model: string; version: string }): string | undefined {
  const { name, version, image, file } = manifest;
  if (name !== expected.model || version !== expected.version) {
    return `it describes ${name}/${version}, but lies in the folder of ${expected.model}/${expected.version}`;
  }
  const outside = [file.path, image?.labels ?? ''].find(
    (path) => isAbsolute(path) || normalize(path).startsWith('..'),
  );
  if (outside) return `${outside} lies outside of the folder of the version`;
  return manifest.kind === 'tensor' ? tensorProblem(manifest) : imageProblem(manifest);
}

function imageProblem({ image, inputs, outputs }: Manifest): string | undefined {
  if (!image) return 'a model of the kind "image-classifier" needs the section image';
  if (!inputs.some((input) => input.name === image.input)) return `inputs: no ${image.input}`;
  if (!outputs.some((output) => output.name === image.output)) return `outputs: no ${image.output}`;
  return undefined;
}

function tensorProblem({ image, inputs, outputs, batching, golden }: Manifest): string | undefined {
  if (image) return 'a model of the kind "tensor" has no section image';
  if (golden.samples.length > 0) return 'golden.samples: recorded answers of tensors are not compared yet';
  const unbatched = [...inputs, ...outputs].find(({ shape }) => shape[0] !== -1);
  if (batching.max_batch_size === 1 || !unbatched) return undefined;
  return `${unbatched.name}: dim 0 must be -1, the batch, unless batching.max_batch_size is 1`;
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new LoadError(`${path} cannot be read`, { cause });
  });
}

function parse<T extends z.ZodType>(
  path: string,
  text: string,
  read: (text: string) => unknown,
  schema: T,
): z.output<T> {
  let document: unknown;
  try {
    document = read(text);
  } catch (cause) {
    throw new LoadError(`${path} has a syntax error`, { cause });
  }
  const result = schema.safeParse(document);
  if (!result.success) throw new LoadError(`${path}: ${describeIssues(result.error).join('; ')}`);
  return result.data;
}
