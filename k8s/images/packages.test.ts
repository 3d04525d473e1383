import { ROOT } from '@headgate/testkit/root';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { BUNDLES } from '../../scripts/build.mjs';
import { IMAGES } from './images.ts';
import { type Lock, packageFolders, readLock } from './packages.ts';

const lock = readLock(ROOT);

describe('packages of an image', () => {
  it('brings what packages depend on, optional or as a peer', () => {
    const folders = packageFolders(ROOT, lock, ['sharp', '@grpc/reflection']);
    expect(folders).toContain('node_modules/detect-libc');
    expect(folders).toContain('node_modules/@grpc/grpc-js');
    expect(folders).toContain('node_modules/@grpc/reflection/node_modules/@grpc/proto-loader');
    if (process.platform === 'linux')
      expect(folders).toContain(`node_modules/@img/sharp-linux-${process.arch}`);
  });

  it('leaves out what only post-install steps use', () => {
    const folders = packageFolders(ROOT, lock, ['onnxruntime-node', '@julusian/jpeg-turbo']);
    expect(folders).toContain('node_modules/onnxruntime-common');
    expect(folders).not.toContain('node_modules/cmake-js');
  });

  it('names a package that is not installed', () => {
    const none: Lock = { packages: {} };
    expect(() => packageFolders(ROOT, none, ['pg'])).toThrow('pg is not installed; run npm ci');
  });

  it.each(['gateway', 'inference', 'control', 'envoy'])(
    'has all that the bundles of %s import',
    async (name) => {
      const { packages } = IMAGES.find((image) => image.name === name) ?? { packages: [] };
      expect(packages).toEqual(expect.arrayContaining(await importedBy(name)));
    },
  );
});

/** Packages that stay imports in the bundles. */
async function importedBy(workspace: string): Promise<string[]> {
  const bundle = BUNDLES.find(
    ({ outdir, platform }) => outdir === `${workspace}/dist` && platform === 'node',
  );
  const { metafile } = await build({ ...bundle, absWorkingDir: ROOT, write: false, metafile: true });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  const paths = imports
    .filter(({ external, kind }) => external && kind !== 'require-call')
    .map(({ path }) => path);
  return [...new Set(paths.filter((path) => !path.startsWith('node:')))];
}
