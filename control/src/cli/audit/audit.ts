import { resolve } from 'node:path';
import { destroyKeys, openName, pseudonymsOf, purposeOf } from '@headgate/journal/audit/pseudonyms';
import { openPostgres } from '@headgate/stores/postgres/database';
import type { Command } from 'commander';
import { layOut, WRITER_ROLE } from '../../audit/store/layout.ts';
import { audited } from '../audited.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import { installationOf, type Surroundings } from '../surroundings.ts';
import { addFind } from './find.ts';
import { addVerify } from './verify.ts';

const KEYS_DIR = ['--keys-dir <path>', 'keys of the names in the logs (default: audit.keys_dir)'] as const;

/** The tables are few, and may have to wait for a delivery. */
const PREPARED_WITHIN_MS = 60_000;

/** `headgate audit`: the audit logs of the gateways. */
export function addAudit(program: Command, around: Surroundings): void {
  const audit = program
    .command('audit')
    .description(
      'search and verify audit logs, prepare their database, find a credential in them, erase one',
    );
  for (const add of [addFind, addVerify, addPrepare, addWhois, addForget]) add(audit, around);
}

function addPrepare(audit: Command, around: Surroundings): void {
  audit
    .command('prepare')
    .description(
      `make the tables of the audit log in PostgreSQL, and the role ${WRITER_ROLE} that may only append`,
    )
    .requiredOption('--url <url>', 'PostgreSQL, as the role that is to own them; its password in PGPASSWORD')
    .action(async ({ url }: { readonly url: string }, command: Command) => {
      const db = await openPostgres({ url, timeoutMs: PREPARED_WITHIN_MS });
      const { owner } = await layOut(db).finally(() => db.close());
      if (!owner) {
        throw new CliError('conflict', 'the tables are there, and belong to another role', {
          remedy: 'connect as their owner',
        });
      }
      const text = `the tables are ready; GRANT ${WRITER_ROLE} TO the login of audit.postgres_url`;
      print(command, around, { prepared: true, role: WRITER_ROLE }, () => text);
    });
}

function addWhois(audit: Command, around: Surroundings): void {
  audit
    .command('whois')
    .argument('<id>', 'id of an API key or of a token subject; cert:NAME')
    .description('show the names under which the logs have it')
    .option(...KEYS_DIR)
    .action(async (id: string, _: unknown, command: Command) => {
      const open = openName(id);
      if (open !== undefined) return print(command, around, { id, who: open }, ({ who }) => who);
      const names = await pseudonymsOf(id, keysDirOf(command, around));
      if (names.length === 0) throw noKeys(id);
      print(command, around, { id, names }, () => names.map(({ day, who }) => `${day} ${who}`).join('\n'));
    });
}

function addForget(audit: Command, around: Surroundings): void {
  audit
    .command('forget')
    .argument('<id>', 'id of a token subject; cert:NAME')
    .description('destroy the keys of all names of its kind, so that nobody can look them up; the logs stay')
    .option(...KEYS_DIR)
    .action(async (id: string, _: unknown, command: Command) => {
      if (openName(id) !== undefined) {
        throw new CliError('usage', 'the logs hold ids of API keys and names of operators as they are', {
          remedy: 'headgate keys revoke removes the name of a key: nothing else ties its id to a person',
        });
      }
      const dir = keysDirOf(command, around);
      const kind = purposeOf(id);
      const days = (await pseudonymsOf(id, dir)).length;
      if (days === 0) throw noKeys(id);
      const change = { action: 'audit.forget', detail: { kind, days } } as const;
      await audited(change, installationOf(command, around), around, () => destroyKeys(kind, dir));
      const text = `${id} is forgotten, and so is every ${kind} of ${days} days; remove copies of the keys too`;
      print(command, around, { id, forgotten: true, kind, days }, () => text);
    });
}

function keysDirOf(command: Command, around: Surroundings): string {
  const { root, config } = installationOf(command, around);
  const { keysDir } = command.optsWithGlobals<{ keysDir?: string }>();
  return keysDir ? resolve(around.cwd, keysDir) : resolve(root, config.audit.keys_dir);
}

const noKeys = (id: string) =>
  new CliError('not_found', `${id} cannot be looked up: the keys of its names are gone`, {
    remedy: 'they are erased or beyond their retention; --keys-dir names another directory',
  });
