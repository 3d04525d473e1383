import { resolve } from 'node:path';
import { isKeyId } from '@headgate/contracts/keys';
import { destroyKeys, keyName, pseudonymsOf, purposeOf } from '@headgate/journal/audit/pseudonyms';
import type { Command } from 'commander';
import { audited } from '../audited.ts';
import { CliError } from '../errors.ts';
import { globalsOf, print } from '../print.ts';
import { findInstallation, type Surroundings } from '../surroundings.ts';

const KEYS_DIR = ['--keys-dir <path>', 'keys of the names in the logs (default: audit.keys_dir)'] as const;

export function addWhois(audit: Command, around: Surroundings): void {
  audit
    .command('whois')
    .argument('<id>', 'id of an API key or of a token subject; cert:NAME, user:NAME')
    .description('show the names under which the logs have it')
    .option(...KEYS_DIR)
    .action(async (id: string, _: unknown, command: Command) => {
      if (isKeyId(id)) return print(command, around, { id, who: keyName(id) }, ({ who }) => who);
      const names = await pseudonymsOf(id, keysDirOf(command, around));
      if (names.length === 0) throw noKeys(id);
      print(command, around, { id, names }, () => names.map(({ day, who }) => `${day} ${who}`).join('\n'));
    });
}

export function addForget(audit: Command, around: Surroundings): void {
  audit
    .command('forget')
    .argument('<id>', 'id of a token subject; cert:NAME, user:NAME')
    .description('destroy the keys of all names of its kind, so that nobody can look them up; the logs stay')
    .option(...KEYS_DIR)
    .action(async (id: string, _: unknown, command: Command) => {
      if (isKeyId(id)) {
        throw new CliError('usage', 'the logs hold the id of an API key as it is, and no name', {
          remedy: 'headgate keys revoke removes the name of the key; nothing else ties the id to a person',
        });
      }
      const dir = keysDirOf(command, around);
      const kind = purposeOf(id);
      const days = (await pseudonymsOf(id, dir)).length;
      if (days === 0) throw noKeys(id);
      const installation = findInstallation(around, globalsOf(command).env);
      const change = { action: 'audit.forget', detail: { kind, days } } as const;
      await audited(change, installation, around, () => destroyKeys(kind, dir));
      const text = `${id} is forgotten, and so is every ${kind} of ${days} days; remove copies of the keys too`;
      print(command, around, { id, forgotten: true, kind, days }, () => text);
    });
}

function keysDirOf(command: Command, around: Surroundings): string {
  const { root, config } = findInstallation(around, globalsOf(command).env);
  const { keysDir } = command.optsWithGlobals<{ keysDir?: string }>();
  return keysDir ? resolve(around.cwd, keysDir) : resolve(root, config.audit.keys_dir);
}

const noKeys = (id: string) =>
  new CliError('not_found', `${id} cannot be looked up: the keys of its names are gone`, {
    remedy: 'they are erased or beyond their retention; --keys-dir names another directory',
  });
