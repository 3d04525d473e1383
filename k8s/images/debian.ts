import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError, runCommand } from '../../scripts/setup/command.mjs';
import type { Builder, OnLine, Surroundings } from './builder.ts';

/** What the base image takes its libraries from. */
export const DEBIAN = 'docker.io/library/debian:12-slim';

const WITHIN_MS = 10 * 60_000;
/** What the slim image of Debian leaves out too. */
const SLIM = [
  '--dpkgopt=path-exclude=/usr/share/doc/*',
  '--dpkgopt=path-include=/usr/share/doc/*/copyright',
  '--dpkgopt=path-exclude=/usr/share/man/*',
  '--dpkgopt=path-exclude=/usr/share/locale/*',
];

/**
 * Makes sure that Debian's image is there, with `fresh` as it is today. It is pulled; where no public registry can be reached, mmdebstrap makes it
 * from Debian's packages, whose signatures apt checks.
 */
export async function provideDebian(
  builder: Builder,
  { fresh, ...around }: Surroundings & { readonly onLine: OnLine; readonly fresh: boolean },
): Promise<void> {
  if (!fresh && (await builder.has(DEBIAN))) return;
  if (await builder.pull(DEBIAN)) return;
  using folder = mkdtempDisposableSync(join(tmpdir(), 'headgate-debian-'));
  const tar = join(folder.path, 'debian.tar');
  const args = ['--variant=minbase', '--include=tzdata', ...SLIM, 'bookworm', tar];
  const { root, guard, signal, onLine } = around;
  try {
    await runCommand('mmdebstrap', args, { cwd: root, guard, signal, onLine, timeoutMs: WITHIN_MS });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CommandError)) throw error;
    const remedy =
      'log in to a registry that has it, or install mmdebstrap (Debian: apt-get install mmdebstrap)';
    throw new CommandError(
      `${DEBIAN} can be neither pulled nor made: ${error.message}; ${remedy}`,
      error.tail,
    );
  }
  const dockerfile = join(folder.path, 'Dockerfile');
  writeFileSync(dockerfile, 'FROM scratch\nADD debian.tar /\nCMD ["bash"]\n');
  await builder.build({ dockerfile, context: folder.path, tag: DEBIAN, args: {}, labels: {}, onLine });
}
