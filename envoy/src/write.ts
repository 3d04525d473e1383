import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { renderEnvoy, renderSds } from './render.ts';
import type { RenderedFile } from './tls.ts';

const pathOf = ({ listen }: Config, root: string): string =>
  join(root, 'state/envoy', `${listen.port_base}.json`);

/** Removes what an earlier start wrote: where it is, control expects an Envoy. */
export function removeEnvoyConfig(config: Config, root: string): void {
  rmSync(pathOf(config, root), { force: true });
}

/**
 * Writes Envoy's configuration and the secret files that it refers to.
 *
 * @param root absolute
 * @returns path of the configuration; several Envoys of one directory differ in their port base
 */
export function writeEnvoyConfig(config: Config, root: string): string {
  const path = pathOf(config, root);
  writeFiles([...renderSds(config, { root }), { path, text: renderEnvoy(config, { root }) }]);
  return path;
}

/** Writes each file whole: Envoy reads a secret file as soon as it appears and must never see half of it. */
function writeFiles(files: readonly RenderedFile[]): void {
  for (const { path, text } of files) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
  }
}
