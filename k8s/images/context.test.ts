import { chmodSync, existsSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { ROOT } from '@headgate/testkit/root';
import { expect, it } from 'vitest';
import { contextOf, keyOf, stage } from './context.ts';
import { ALL_IMAGES, IMAGES, type Image } from './images.ts';
import { readLock } from './packages.ts';

const NOTHING: Image = {
  name: 'nothing',
  dockerfile: 'Dockerfile',
  sources: [],
  packages: [],
  group: 'headgate-test',
  from: 'debian',
};
const LOCK = { packages: {} };

function imageOf(...sources: Image['sources']): Image {
  return { ...NOTHING, sources };
}

it('takes folders and files to their places, without source maps', () => {
  const root = tempDir({ 'a/dist/main.js': '', 'a/dist/main.js.map': '', 'lib/1.2/program': '' });
  const image = imageOf({ from: 'a/dist', to: 'a/dist' }, { from: 'lib/*/program', to: 'bin/program' });
  expect(contextOf(root, image, LOCK).map(({ to }) => to)).toEqual(['a/dist/main.js', 'bin/program']);
});

it('says what setup has to make', () => {
  const root = tempDir();
  expect(() => contextOf(root, imageOf({ from: 'a', to: 'a' }), LOCK)).toThrow(
    'a does not exist; run npm run setup',
  );
});

it('keeps other platforms and declarations out of packages', () => {
  const image = {
    ...NOTHING,
    packages: ['onnxruntime-node', '@julusian/jpeg-turbo', '@opentelemetry/resources'],
  };
  const files = contextOf(ROOT, image, readLock(ROOT)).map(({ to }) => to);
  const native = files.filter((file) => /\.(node|so[.\d]*|dll|dylib)$/.test(file));
  expect(native.length).toBeGreaterThan(0);
  expect(native.filter((file) => !file.includes('linux'))).toEqual([]);
  expect(files.filter((file) => /\.d\.ts$|\/build\/esm\//.test(file))).toEqual([]);
  expect(files).toContain('node_modules/@julusian/jpeg-turbo/LICENSE');
});

it('keeps native inference code out of the gateway', () => {
  const gateway = IMAGES.find(({ name }) => name === 'gateway') ?? NOTHING;
  const files = contextOf(ROOT, { ...gateway, sources: [] }, readLock(ROOT)).map(({ to }) => to);
  expect(files.filter((file) => /onnxruntime|sharp|@img|jpeg-turbo/.test(file))).toEqual([]);
});

it.each(ALL_IMAGES.map((image) => [image.name, image] as const))(
  'copies all that is collected into the image %s',
  (_, { dockerfile, sources, packages }) => {
    const collected = [...sources.map(({ to }) => to), ...(packages.length > 0 ? ['node_modules'] : [])];
    const text = readFileSync(join(ROOT, dockerfile), 'utf8');
    const copied = [...text.matchAll(/^COPY (?!--from)(\S+?)\/? /gm)].map(([, path]) => path);
    expect(copied).toEqual(expect.arrayContaining(collected.map((path) => path.split('/')[0])));
  },
);

it('has one key for equal content, whatever its times', () => {
  const root = tempDir({ 'a/x': '1' });
  const key = () => keyOf(root, contextOf(root, imageOf({ from: 'a', to: 'a' }), LOCK), ['v1']);
  const first = key();
  utimesSync(join(root, 'a/x'), 1, 1);
  expect(key()).toBe(first);
  chmodSync(join(root, 'a/x'), 0o755);
  const executable = key();
  writeText(join(root, 'a/x'), '2');
  expect(new Set([first, executable, key()]).size).toBe(3);
});

it('stages with fixed modes and times, and without what was there before', () => {
  const root = tempDir({ 'a/x': '1', 'out/old': '' });
  chmodSync(join(root, 'a/x'), 0o640);
  stage(root, [{ from: 'a/x', to: 'b/x' }], join(root, 'out'));
  const { mode, mtimeMs } = statSync(join(root, 'out/b/x'));
  expect({ mode: mode & 0o777, mtimeMs }).toEqual({ mode: 0o644, mtimeMs: 0 });
  expect(existsSync(join(root, 'out/old'))).toBe(false);
});
