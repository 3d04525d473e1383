import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ChainResult } from '@headgate/contracts/audit/verify';
import type { Command } from 'commander';
import { verifyLogs } from '../../audit/verify-logs.ts';
import { CliError } from '../errors.ts';
import { globalsOf, print } from '../print.ts';
import { findInstallation, type Surroundings } from '../surroundings.ts';

interface VerifyOptions {
  readonly dir?: string;
  readonly heads?: string;
}

export interface VerifiedLog {
  readonly writer: string;
  readonly records: number;
  readonly lost: number;
  readonly anchors: number;
  readonly last_seq: number;
  readonly last_hash: string;
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
    .action(async (options: VerifyOptions, command: Command) => {
      const { root, config } = findInstallation(around, globalsOf(command).env);
      const dir = options.dir ? resolve(around.cwd, options.dir) : resolve(root, config.audit.dir);
      const heads = options.heads
        ? resolve(around.cwd, options.heads)
        : resolve(root, config.audit.heads_file);
      requireFile(dir, '--dir');
      requireFile(heads, '--heads');
      const results = await verifyLogs({ dir, headsFile: heads });
      requireChains(results, dir);
      print(command, around, { logs: results.map(summaryOf) }, inWords);
    });
}

function requireFile(path: string, option: string): void {
  if (existsSync(path)) return;
  throw new CliError('not_found', `there is no ${path}`, {
    remedy: `name another one with ${option}. If it was here before, it was removed`,
  });
}

/** Names the first bad place of each log that has one. */
function requireChains(results: readonly ChainResult[], dir: string): void {
  if (results.length === 0) {
    throw new CliError('not_found', `${dir} holds no log`, { remedy: 'name another directory with --dir' });
  }
  const faults = results.flatMap(({ writer, fault }) =>
    fault ? [`${writer}: record ${fault.seq} is ${fault.kind}: ${fault.message}`] : [],
  );
  if (faults.length === 0) return;
  throw new CliError('failed', faults.join('; '), {
    remedy: 'keep the log as it is, and compare it with a copy; docs/audit.md says what each word means',
  });
}

function summaryOf({ writer, records, gaps, anchors, last }: ChainResult): VerifiedLog {
  const last_hash = Buffer.from(last.hash).toString('hex');
  return { writer, records, lost: gaps, anchors, last_seq: last.seq, last_hash };
}

function inWords({ logs }: { readonly logs: readonly VerifiedLog[] }): string {
  return logs
    .map(
      ({ writer, records, lost, anchors, last_seq }) =>
        `${writer}: ${records} records intact up to ${last_seq}, ${anchors} anchored, ${lost} lost when they happened`,
    )
    .join('\n');
}
