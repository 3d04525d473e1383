import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { IN_WORDS } from '@headgate/contracts/issues';
import { type KeyRecord, keyFileSchema } from '@headgate/contracts/keys';
import { readDocument } from '@headgate/runtime/read-document';
import { issuesOf } from '@headgate/runtime/watch-file';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { CliError } from '../errors.ts';
import { replaceFile, type SpareUse } from '../replace-file.ts';
import { type Installation, installationOf, type Surroundings } from '../surroundings.ts';

export type Records = readonly KeyRecord[];

/** Where the keys of this installation are. */
export function keyFileOf(command: Command, around: Surroundings): KeyFile {
  const { root, config } = installationOf(command, around);
  const { file } = command.optsWithGlobals<{ file?: string }>();
  if (file) return { root, config, path: resolve(around.cwd, file), inUse: false };
  return { root, config, path: resolve(root, config.gateway.keys_file), inUse: true };
}

export interface KeyFile extends Installation {
  readonly path: string;
  /** It is the file that the gateway reads: a spare one is kept beside it, so that keys can be revoked with the disk full. */
  readonly inUse: boolean;
}

/** @throws CliError when the file is missing or not valid */
export function readKeyFile(path: string): Records {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CliError('not_found', `${path} cannot be read`, {
      remedy: 'headgate keys create makes it; or name another one with --file',
      cause,
    });
  }
  return parseRecords(path, text);
}

/**
 * Changes the key file as one step, or not at all: two commands at once lose nothing.
 *
 * @param change gets the records in force, and may be called again when another command was faster
 * @param kind what takes rights away may use the spare file when the disk is full
 * @throws CliError when the file is not valid: it is left as it is
 */
export function updateKeyFile(
  { path, inUse }: KeyFile,
  change: (records: Records) => Records,
  kind: 'grants' | 'revokes' = 'grants',
): void {
  const spare: SpareUse = !inUse ? 'none' : kind === 'revokes' ? 'use' : 'keep';
  const next = (text: string | undefined) =>
    stringify({ keys: change(text === undefined ? [] : parseRecords(path, text)) }, { lineWidth: 0 });
  replaceFile(path, next, spare);
}

function parseRecords(path: string, text: string): Records {
  try {
    return readDocument(text, (document) => keyFileSchema.parse(document, IN_WORDS)).keys;
  } catch (cause) {
    throw new CliError('usage', `${path} is not valid: ${issuesOf(cause).join('; ')}`, {
      remedy: 'correct the file by hand; nothing was changed',
      cause,
    });
  }
}
