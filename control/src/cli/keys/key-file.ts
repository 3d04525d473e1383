import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type KeyRecord, keyFileSchema } from '@headgate/contracts/keys';
import { describeIssues } from '@headgate/contracts/routing';
import { parseYaml, type YamlError } from '@headgate/runtime/parse-yaml';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { z } from 'zod';
import { CliError } from '../errors.ts';
import { replaceFile } from '../replace-file.ts';
import { type Installation, installationOf, type Surroundings } from '../surroundings.ts';

export type Records = readonly KeyRecord[];

/** Where the keys of this installation are. */
export function keyFileOf(command: Command, around: Surroundings): Installation & { readonly path: string } {
  const { root, config } = installationOf(command, around);
  const { file } = command.optsWithGlobals<{ file?: string }>();
  return { root, config, path: file ? resolve(around.cwd, file) : resolve(root, config.gateway.keys_file) };
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
 * @throws CliError when the file is not valid: it is left as it is
 */
export function updateKeyFile(path: string, change: (records: Records) => Records): void {
  replaceFile(path, (text) =>
    stringify({ keys: change(text === undefined ? [] : parseRecords(path, text)) }, { lineWidth: 0 }),
  );
}

function parseRecords(path: string, text: string): Records {
  try {
    return keyFileSchema.parse(parseYaml(text)).keys;
  } catch (cause) {
    const issues = cause instanceof z.ZodError ? describeIssues(cause) : [(cause as YamlError).message];
    throw new CliError('usage', `${path} is not valid: ${issues.join('; ')}`, {
      remedy: 'correct the file by hand; nothing was changed',
      cause,
    });
  }
}
