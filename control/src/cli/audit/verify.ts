import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { summaryOf, type VerifiedLog } from '../../audit/verified-log.ts';
import { verifyLogs } from '../../audit/verify-logs.ts';
import { CliError } from '../errors.ts';
import { globalsOf, print } from '../print.ts';
import { findInstallation, type Installation, type Surroundings } from '../surroundings.ts';
import { verifyDatabase } from './verify-database.ts';

interface VerifyOptions {
  readonly dir?: string;
  readonly heads?: string;
  readonly database?: true;
}

export function addVerify(audit: Command, around: Surroundings): void {
  audit
    .command('verify')
    .description('find records that were altered, removed, reordered or cut off; fails when there is one')
    .option('--dir <path>', 'holds a directory a writer (default: audit.dir of the configuration)')
    .option(
      '--heads <path>',
      'file of anchored heads, best a copy from elsewhere (default: audit.heads_file)',
    )
    .option('--database', 'verify what is stored in the database of audit.store instead')
    .action(async (options: VerifyOptions, command: Command) => {
      const installation = findInstallation(around, globalsOf(command).env);
      const headsFile = options.heads && resolve(around.cwd, options.heads);
      const results = options.database
        ? await verifyDatabase({ installation, headsFile }, around)
        : await verifyFiles(installation, {
            headsFile,
            dir: options.dir && resolve(around.cwd, options.dir),
          });
      requireChains(results, options.database ? 'the database' : 'the directory');
      print(command, around, { logs: results }, inWords);
    });
}

async function verifyFiles(
  { root, config }: Installation,
  given: { readonly dir: string | undefined; readonly headsFile: string | undefined },
): Promise<VerifiedLog[]> {
  const dir = given.dir ?? resolve(root, config.audit.dir);
  const headsFile = given.headsFile ?? resolve(root, config.audit.heads_file);
  requireFile(dir, '--dir');
  requireFile(headsFile, '--heads');
  return (await verifyLogs({ dir, headsFile })).map(summaryOf);
}

function requireFile(path: string, option: string): void {
  if (existsSync(path)) return;
  throw new CliError('not_found', `there is no ${path}`, {
    remedy: `name another one with ${option}. If it was here before, it was removed`,
  });
}

/** Names the first bad place of each log that has one. */
function requireChains(results: readonly VerifiedLog[], place: string): void {
  if (results.length === 0) {
    throw new CliError('not_found', `${place} holds no log`, { remedy: 'name another one with --dir' });
  }
  const faults = results.flatMap(({ writer, fault }) =>
    fault ? [`${writer}: record ${fault.seq} is ${fault.kind}: ${fault.message}`] : [],
  );
  if (faults.length === 0) return;
  throw new CliError('failed', faults.join('; '), {
    remedy: 'keep everything as it is, and compare it with a copy; docs/audit.md says what each word means',
  });
}

function inWords({ logs }: { readonly logs: readonly VerifiedLog[] }): string {
  return logs
    .map(
      ({ writer, records, lost, anchors, last_seq }) =>
        `${writer}: ${records} records intact up to ${last_seq}, ${anchors} anchored, ${lost} lost when they happened`,
    )
    .join('\n');
}
