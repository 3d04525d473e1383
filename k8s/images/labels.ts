import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Labels = Readonly<Record<string, string>>;

/**
 * The labels that tools read: https://github.com/opencontainers/image-spec/blob/main/annotations.md
 * They say which commit the content comes from, with `-dirty` when files differ from it.
 */
export function labelsOf(root: string): Labels {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const isDirty = git('status', '--porcelain', '--untracked-files=no') !== '';
  const source = publicAddress(git('config', '--default', '', '--get', 'remote.origin.url'));
  return {
    'org.opencontainers.image.title': 'Headgate',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': license,
    'org.opencontainers.image.revision': git('rev-parse', 'HEAD') + (isDirty ? '-dirty' : ''),
    'org.opencontainers.image.created': git('show', '-s', '--format=%cI', 'HEAD'),
    ...(source === undefined ? {} : { 'org.opencontainers.image.source': source }),
  };
}

/** Address of the repository without credentials; undefined for a path of this machine. */
export function publicAddress(remote: string): string | undefined {
  const [, host, path] = /^git@([\w.-]+):(.+)$/.exec(remote) ?? [];
  if (host !== undefined) return `https://${host}/${path}`;
  if (!remote.startsWith('https://')) return undefined;
  const url = new URL(remote);
  url.username = '';
  url.password = '';
  url.search = '';
  return url.href;
}
