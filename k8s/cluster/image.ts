import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { sh } from './shell.ts';

/**
 * Writes an image that holds one static program, as an archive that `ctr images import` reads.
 *
 * @param name with tag: `headgate.test/pause:1`
 * @param user of pods that must not be root and name no user
 */
export async function writeImage(
  name: string,
  program: string,
  archive: string,
  user?: string,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-image-'));
  try {
    const file = basename(program);
    mkdirSync(join(dir, 'layer'));
    copyFileSync(program, join(dir, 'layer', file));
    await tar(join(dir, 'layer'), join(dir, 'layer.tar'), [file]);
    const layer = createHash('sha256')
      .update(readFileSync(join(dir, 'layer.tar')))
      .digest('hex');
    const config = {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Entrypoint: [`/${file}`], WorkingDir: '/', ...(user && { User: user }) },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
    };
    writeFileSync(join(dir, 'config.json'), JSON.stringify(config));
    const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }];
    writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest));
    await tar(dir, archive, ['manifest.json', 'config.json', 'layer.tar']);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function tar(dir: string, archive: string, files: readonly string[]): Promise<void> {
  const owner = ['--owner=0', '--group=0', '--mode=a+rX'];
  await sh('tar', '--create', '--file', archive, ...owner, '-C', dir, ...files);
}
