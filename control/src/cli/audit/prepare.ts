import { openPostgres } from '@headgate/stores/postgres/database';
import type { Command } from 'commander';
import { layOut, WRITER_ROLE } from '../../audit/store/layout.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';

const WITHIN_MS = 60_000;

export function addPrepare(audit: Command, around: Surroundings): void {
  audit
    .command('prepare')
    .description(
      `make the tables of the audit log in PostgreSQL, and the role ${WRITER_ROLE} that may only append`,
    )
    .requiredOption('--url <url>', 'PostgreSQL, as the role that is to own them; its password in PGPASSWORD')
    .action(async ({ url }: { readonly url: string }, command: Command) => {
      const db = await openPostgres({ url, timeoutMs: WITHIN_MS });
      try {
        const { owner } = await layOut(db);
        if (!owner) {
          throw new CliError('conflict', 'the tables are there, and belong to another role', {
            remedy: 'connect as their owner',
          });
        }
      } finally {
        await db.close();
      }
      print(
        command,
        around,
        { prepared: true, role: WRITER_ROLE },
        ({ role }) => `the tables are ready; GRANT ${role} TO the login of audit.postgres_url`,
      );
    });
}
