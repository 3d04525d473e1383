import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { build } from '../../scripts/build.mjs';
import type { Guard } from '../../scripts/setup/guard.mjs';
import type { Ui } from '../../scripts/setup/ui.mjs';
import { Builder } from './builder.ts';
import { contextOf, keyOf, stage } from './context.ts';
import { DEBIAN, provideDebian } from './debian.ts';
import { BASE, IMAGES, type Image, TEST_IMAGES } from './images.ts';
import { type Lock, readLock } from './packages.ts';
import { isPlain, pullSize } from './registry.ts';
import { type Row, table } from './table.ts';

export interface MakeOptions {
  readonly registry: string;
  readonly only: readonly string[] | undefined;
  readonly gpu: boolean;
  readonly test: boolean;
  readonly builder: string | undefined;
}

export interface Surroundings {
  readonly root: string;
  readonly guard: Guard;
  readonly signal: AbortSignal;
  readonly ui: Ui;
}

/** A values file of the chart. */
export const VALUES_FILE = 'state/k8s/images.yaml';
/** What was pushed where, so that the same is not built twice. */
const RECORD_FILE = 'state/k8s/images.json';

/** What was pushed, by repository. */
type Pushed = Record<string, { readonly key: string; readonly registry: string; readonly digest: string }>;

interface Maker extends Surroundings {
  readonly builder: Builder;
  readonly lock: Lock;
  readonly registry: string;
  readonly pushed: Pushed;
  readonly labels: Readonly<Record<string, string>>;
}

/** Builds and pushes what has changed, writes the chart's values file and prints a table. */
export async function makeImages(options: MakeOptions, around: Surroundings): Promise<void> {
  const { root, ui } = around;
  const images = chosen(options);
  const builder = await Builder.find(options.builder, around);
  const { registry } = options;
  const lock = readLock(root);
  const maker = { ...around, builder, lock, registry, pushed: readRecord(root), labels: labelsOf(root) };
  await step(ui, 'bundles', () => build(root));
  await step(ui, DEBIAN, (progress) => provideDebian(builder, { ...around, onLine: progress }));
  const base = await makeBase(maker);
  const rows: Row[] = [];
  for (const image of images) {
    rows.push(await makeImage(maker, image, image.base === 'node' ? base : DEBIAN));
    writeRecord(root, maker.pushed);
  }
  ui.say(`\n${table(rows)}\n\nvalues for the chart: ${VALUES_FILE}`);
}

function chosen({ only, test }: MakeOptions): readonly Image[] {
  const all = [...IMAGES, ...TEST_IMAGES];
  if (only === undefined) return test ? all : IMAGES;
  const unknown = only.filter((name) => !all.some((image) => image.name === name));
  if (unknown.length > 0) {
    throw new Error(
      `no image is called ${unknown.join(', ')}; there are ${all.map(({ name }) => name).join(', ')}`,
    );
  }
  return all.filter(({ name }) => only.includes(name));
}

/** Tag of the local base image, which is built when it is not there. */
async function makeBase(maker: Maker): Promise<string> {
  const { key, entries } = planOf(maker, BASE, DEBIAN);
  const tag = localTag(BASE, key);
  await step(maker.ui, 'base', async () => {
    if (!(await maker.builder.has(tag))) await buildImage(maker, BASE, { tag, entries, base: DEBIAN });
  });
  return tag;
}

async function makeImage(maker: Maker, image: Image, base: string): Promise<Row> {
  const { builder, registry, pushed, ui } = maker;
  const startedAt = performance.now();
  const repository = `${image.group}/${image.name}`;
  const { key, entries } = planOf(maker, image, base);
  const last = pushed[repository];
  const known = last?.key === key && last.registry === registry ? last.digest : undefined;
  let size = known === undefined ? undefined : await pullSize(registry, repository, known);
  let digest = known;
  const isNew = digest === undefined || size === undefined;
  if (digest === undefined || size === undefined) {
    const tag = localTag(image, key);
    await step(ui, image.name, async () => {
      if (!(await builder.has(tag))) await buildImage(maker, image, { tag, entries, base });
      digest = await builder.push(tag, `${registry}/${repository}:${key.slice(0, 12)}`, isPlain(registry));
    });
    size = await pullSize(registry, repository, String(digest));
    pushed[repository] = { key, registry, digest: String(digest) };
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { image: repository, digest: String(digest), bytes: size ?? 0, seconds, isNew };
}

/** What an image is made of, and the key that changes with it. */
function planOf({ root, lock, labels }: Maker, image: Image, base: string) {
  const entries = contextOf(root, image, lock);
  const dockerfile = readFileSync(join(root, image.dockerfile), 'utf8');
  const key = keyOf(root, entries, [dockerfile, base, String(labels['org.opencontainers.image.version'])]);
  return { key, entries };
}

interface Plan {
  readonly tag: string;
  readonly entries: ReturnType<typeof contextOf>;
  readonly base: string;
}

async function buildImage(maker: Maker, image: Image, { tag, entries, base }: Plan): Promise<void> {
  const { root, builder, labels } = maker;
  const context = join(root, 'state/k8s/build', image.name);
  stage(root, entries, context);
  const args = image.base === 'node' ? { BASE: base } : { DEBIAN: base };
  await builder.build({ dockerfile: join(root, image.dockerfile), context, tag, args, labels });
}

function localTag({ group, name }: Image, key: string): string {
  return `localhost/${group}/${name}:${key.slice(0, 12)}`;
}

/** The labels that tools read: https://github.com/opencontainers/image-spec/blob/main/annotations.md */
function labelsOf(root: string): Record<string, string> {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const isDirty = git('status', '--porcelain', '--untracked-files=no') !== '';
  return {
    'org.opencontainers.image.revision': git('rev-parse', 'HEAD') + (isDirty ? '-dirty' : ''),
    'org.opencontainers.image.created': git('show', '-s', '--format=%cI', 'HEAD'),
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': license,
  };
}

async function step(ui: Ui, title: string, run: (progress: (line: string) => void) => Promise<unknown>) {
  const task = ui.begin(title);
  try {
    await run(task.progress);
    task.done();
  } catch (error) {
    task.failed();
    throw error;
  }
}

function readRecord(root: string): Pushed {
  try {
    return JSON.parse(readFileSync(join(root, RECORD_FILE), 'utf8'));
  } catch {
    return {}; // the first run, or one that was cut short: everything is pushed again
  }
}

/** The record, and the digests as values of the chart. */
function writeRecord(root: string, pushed: Pushed): void {
  mkdirSync(join(root, 'state/k8s'), { recursive: true });
  writeFileSync(join(root, RECORD_FILE), JSON.stringify(pushed, null, 2));
  const images: Record<string, unknown> = {};
  for (const [repository, { registry, digest }] of Object.entries(pushed).sort()) {
    images.registry = registry;
    images[camel(repository.replace(/^.*\//, ''))] = { repository, digest };
  }
  writeFileSync(join(root, VALUES_FILE), stringify({ images }));
}

/** `inference-gpu` is `inferenceGpu` in values. */
function camel(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
