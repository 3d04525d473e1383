import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RenderedFile } from './tls.ts';

/** Writes each file whole: Envoy reads a secret file as soon as it appears and must never see half of it. */
export function writeFiles(files: readonly RenderedFile[]): void {
  for (const { path, text } of files) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
  }
}
