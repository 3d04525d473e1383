import type { Manifest, TensorSpec } from '@headgate/contracts/manifest';
import { ELEMENT_BYTES } from '@headgate/contracts/tensor';
import { modelFiles } from './version-files.ts';

/** The version whose folder a manifest lies in. */
export interface Expected {
  readonly model: string;
  readonly version: string;
}

/** The input of a batch beyond this size is taken for a mistake, in bytes. */
const MAX_BATCH_BYTES = 2 ** 30;
/** Length of an empty element. */
const MIN_ELEMENT_BYTES = 4;

/** What a manifest of the right form says that cannot be true; undefined when it may be. Names the field. */
export function contradiction(manifest: Manifest, expected?: Expected): string | undefined {
  const { name, version } = manifest;
  if (expected && (name !== expected.model || version !== expected.version)) {
    return `it describes ${name}/${version}, but lies in the folder of ${expected.model}/${expected.version}`;
  }
  return (
    outsideProblem(manifest) ??
    (manifest.kind === 'tensor' ? tensorProblem(manifest) : imageProblem(manifest)) ??
    sizeProblem(manifest)
  );
}

function outsideProblem(manifest: Manifest): string | undefined {
  const paths = [
    ...modelFiles(manifest).map(({ path }) => path),
    ...manifest.golden.samples.map(({ file }) => file),
    ...(manifest.image ? [manifest.image.labels] : []),
  ];
  const strange = paths.find((path) => !isPlain(path));
  if (strange === undefined) return undefined;
  return `${JSON.stringify(strange)} is no path of a file in the folder of the version: names, with / between them`;
}

/**
 * All readers understand such a path alike: no detours, no control characters for a log or a terminal, no mark of the
 * runtime.
 */
function isPlain(path: string): boolean {
  const names = path.split('/');
  return !/[\p{Cc}\\*]/u.test(path) && names.every((name) => name !== '' && name !== '.' && name !== '..');
}

function imageProblem({ image, inputs, outputs, golden }: Manifest): string | undefined {
  if (!image) return 'a model of the kind "image-classifier" needs the section image';
  if (!inputs.some((input) => input.name === image.input)) return `inputs: no ${image.input}`;
  if (!outputs.some((output) => output.name === image.output)) return `outputs: no ${image.output}`;
  const incomplete = golden.samples.findIndex(({ top }) => !top);
  return incomplete < 0 ? undefined : `golden.samples.${incomplete}.top: expected the recorded classes`;
}

function tensorProblem({ image, inputs, outputs, batching, golden }: Manifest): string | undefined {
  if (image) return 'a model of the kind "tensor" has no section image';
  const classified = golden.samples.findIndex(({ top }) => top);
  if (classified >= 0) return `golden.samples.${classified}.top: only an "image-classifier" has classes`;
  const unbatched = [...inputs, ...outputs].find(({ shape }) => shape[0] !== -1);
  if (batching.max_batch_size === 1 || !unbatched) return undefined;
  return `${unbatched.name}: dim 0 must be -1, the batch, unless batching.max_batch_size is 1`;
}

/** Warm-up allocates full batches: numbers that no machine has memory for shall fail here, by their name. */
function sizeProblem({ image, inputs, batching }: Manifest): string | undefined {
  const { max_batch_size } = batching;
  for (const input of inputs) {
    const bytes = itemBytes(image ? { ...input, shape: pixelsOf(image.preprocessing) } : input);
    if (bytes * max_batch_size <= MAX_BATCH_BYTES) continue;
    return (
      `inputs: a batch of ${input.name} would need ${bytes * max_batch_size} bytes; ` +
      'lower its shape or batching.max_batch_size'
    );
  }
  return undefined;
}

function pixelsOf({ width, height, channels }: NonNullable<Manifest['image']>['preprocessing']): number[] {
  return [height, width, channels];
}

/** Bytes of one item at least; sides of variable length count as 1. */
function itemBytes({ datatype, shape }: TensorSpec): number {
  const elements = shape.reduce((product, side) => product * (side === -1 ? 1 : side), 1);
  return elements * (datatype === 'BYTES' ? MIN_ELEMENT_BYTES : ELEMENT_BYTES[datatype]);
}
