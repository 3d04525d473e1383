import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from '../../scripts/build.mjs';
import { step, type Ui } from '../../scripts/setup/ui.mjs';
import { Builder, type OnLine, type Surroundings } from './builder.ts';
import { contextOf, type Entry, keyOf, stage } from './context.ts';
import { DEBIAN, provideDebian } from './debian.ts';
import { fetchCuda } from './gpu.ts';
import {
  ALL_IMAGES,
  BASE,
  GPU_IMAGE,
  IMAGES,
  type Image,
  LIFECYCLE_IMAGES,
  MODELS_IMAGE,
  TEST_IMAGES,
} from './images.ts';
import { type Labels, labelsOf } from './labels.ts';
import { withModels } from './models.ts';
import { type Lock, readLock } from './packages.ts';
import { fetchPython } from './python.ts';
import { type Pushed, readRecord, VALUES_FILE, writeRecord } from './record.ts';
import { ensureAnswers, type PullSize, pullSize } from './registry.ts';
import { type Row, table } from './table.ts';

export interface MakeOptions {
  readonly registry: string;
  /** Names of images; undefined: those that every cluster needs. */
  readonly only: readonly string[] | undefined;
  readonly gpu: boolean;
  readonly lifecycle: boolean;
  readonly test: boolean;
  /** Takes Debian as it is today. */
  readonly fresh: boolean;
  /** HEADGATE_BUILDER. */
  readonly builder: string | undefined;
}

interface Maker extends Surroundings {
  readonly ui: Ui;
  readonly builder: Builder;
  readonly lock: Lock;
  readonly registry: string;
  readonly pushed: Pushed;
  readonly labels: Labels;
  /** Digest of Debian's image. */
  readonly debian: string;
  /** Local tags of what is there. */
  readonly tags: Map<Image, string>;
}

/** Builds and pushes what has changed, writes the chart's values file and prints a table. */
export async function makeImages(
  options: MakeOptions,
  around: Surroundings & { readonly ui: Ui },
): Promise<void> {
  const { root, ui } = around;
  const { registry, fresh } = options;
  const images = chosen(options);
  const builder = await Builder.find(options.builder, around);
  await ensureAnswers(registry);
  await step(ui, 'bundles', () => build(root));
  await step(ui, DEBIAN, (onLine) => provideDebian(builder, { ...around, onLine, fresh }));
  const maker: Maker = {
    ...around,
    builder,
    lock: readLock(root),
    registry,
    pushed: readRecord(root),
    labels: labelsOf(root),
    debian: await builder.idOf(DEBIAN),
    tags: new Map(),
  };
  await step(ui, 'base', (onLine) => buildImage(maker, BASE, onLine));
  const rows: Row[] = [];
  for (const image of images) {
    rows.push(await makeImage(maker, image === MODELS_IMAGE ? await withModels(image, around) : image));
    writeRecord(root, maker.pushed, registry);
  }
  ui.say(`\n${table(rows)}\n\nvalues for the chart: ${VALUES_FILE}`);
}

function chosen({ only, gpu, lifecycle, test }: MakeOptions): readonly Image[] {
  if (only !== undefined) return ALL_IMAGES.filter(({ name }) => only.includes(name));
  return [
    ...IMAGES,
    ...(gpu ? [GPU_IMAGE] : []),
    ...(lifecycle ? LIFECYCLE_IMAGES : []),
    ...(test ? TEST_IMAGES : []),
  ];
}

/** Fetches what the image, and the one that it starts from, take from PyPI. */
async function fetchPackages(maker: Maker, { name, from, python }: Image): Promise<void> {
  const { ui } = maker;
  if (from !== 'debian') await fetchPackages(maker, from);
  if (name === GPU_IMAGE.name) await step(ui, 'CUDA libraries', (onLine) => fetchCuda({ ...maker, onLine }));
  if (python === undefined) return;
  await step(ui, `Python packages of ${name}`, (onLine) => fetchPython(python, { ...maker, onLine }));
}

/** Builds and pushes an image, unless the registry has it. */
async function makeImage(maker: Maker, image: Image): Promise<Row> {
  const { builder, registry, pushed, ui } = maker;
  const startedAt = performance.now();
  const row = (digest: string, bytes: PullSize, isNew: boolean): Row => {
    return { image: repository, digest, bytes, isNew, seconds: (performance.now() - startedAt) / 1000 };
  };
  const repository = `${image.group}/${image.name}`;
  await fetchPackages(maker, image);
  const { key } = await planOf(maker, image);
  const last = pushed[repository];
  if (last?.key === key && last.registry === registry) {
    const bytes = await pullSize(registry, repository, last.digest);
    if (bytes !== 'missing') return row(last.digest, bytes, false);
  }
  let digest = '';
  await step(ui, image.name, async (onLine) => {
    const tag = await buildImage(maker, image, onLine);
    digest = await builder.push(tag, `${registry}/${repository}:${key.slice(0, 12)}`, onLine);
  });
  pushed[repository] = { key, registry, digest };
  return row(digest, await pullSize(registry, repository, digest), true);
}

/** Builds an image that is not there yet, after the one that it starts from. Returns its local tag. */
async function buildImage(maker: Maker, image: Image, onLine: OnLine): Promise<string> {
  const { root, builder, labels } = maker;
  const { key, entries, base } = await planOf(maker, image);
  const tag = `localhost/${image.group}/${image.name}:${key.slice(0, 12)}`;
  maker.tags.set(image, tag);
  if (await builder.has(tag)) return tag;
  const context = join(root, 'state/k8s/build', image.name);
  stage(root, entries, context);
  const dockerfile = join(root, image.dockerfile);
  const args = { [image.from === 'debian' ? 'DEBIAN' : 'BASE']: base };
  await builder.build({ dockerfile, context, tag, args, labels, onLine });
  return tag;
}

interface Plan {
  readonly entries: readonly Entry[];
  /** Tag of the image that it starts from. */
  readonly base: string;
  /** Changes with everything that the image is made of. */
  readonly key: string;
}

async function planOf(maker: Maker, image: Image): Promise<Plan> {
  const { root, lock, labels, tags, debian } = maker;
  const { from } = image;
  const base =
    from === 'debian' ? DEBIAN : (tags.get(from) ?? (await buildImage(maker, from, () => undefined)));
  const entries = contextOf(root, image, lock);
  const dockerfile = readFileSync(join(root, image.dockerfile), 'utf8');
  const version = String(labels['org.opencontainers.image.version']);
  const key = keyOf(root, entries, [dockerfile, from === 'debian' ? debian : base, version]);
  return { entries, base, key };
}
