import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { ask } from '../images/registry.ts';

/** What a registry holds under a digest. */
export interface ImageContent {
  readonly repository: string;
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Paths of all layers, without a leading slash. */
  readonly files: readonly string[];
  /** Unpacked, in bytes. */
  readonly size: number;
}

/** Reads an image from the registry, as a node does. `reference` is `registry/repository@sha256:...`. */
export async function readImage(reference: string): Promise<ImageContent> {
  const [, registry = '', repository = '', digest = ''] = /^([^/]+)\/(.+)@(sha256:.+)$/.exec(reference) ?? [];
  if (digest === '') throw new Error(`${reference} names no digest`);
  const part = async (path: string) => {
    const answer = await ask(registry, `${repository}/${path}`);
    if (!answer.ok) throw new Error(`${reference}: the registry answers ${answer.status}`);
    return answer;
  };
  const manifest = (await (await part(`manifests/${digest}`)).json()) as {
    config: { digest: string };
    layers: { digest: string }[];
  };
  const { config } = (await (await part(`blobs/${manifest.config.digest}`)).json()) as {
    config: { User?: string; Labels?: Record<string, string> };
  };
  const entries: Entry[] = [];
  for (const layer of manifest.layers) {
    const { body } = await part(`blobs/${layer.digest}`);
    if (body !== null) entries.push(...(await listed(Readable.fromWeb(body))));
  }
  return {
    repository,
    user: config.User ?? '',
    labels: config.Labels ?? {},
    files: entries.map(({ path }) => path),
    size: entries.reduce((sum, { size }) => sum + size, 0),
  };
}

interface Entry {
  readonly path: string;
  readonly size: number;
}

/** Files of a layer. */
async function listed(layer: Readable): Promise<Entry[]> {
  const tar = spawn('tar', ['-tvz'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [lines] = await Promise.all([text(tar.stdout), pipeline(layer, tar.stdin)]);
  return lines.split('\n').flatMap((line) => {
    // -rw-r--r-- 0/0    1234 1970-01-01 00:00 usr/lib/x -> y
    const [, size = '', path = ''] =
      /^-\S+\s+\S+\s+(\d+)\s+\S+\s+\S+\s+(.+?)(?: link to .*)?$/.exec(line) ?? [];
    return path === '' ? [] : [{ path, size: Number(size) }];
  });
}
