import type { AuditPage } from '@headgate/contracts/admin/api';
import { type Command, InvalidArgumentError } from 'commander';
import { adminApiOf } from '../admin-api.ts';
import { time, timeBefore } from '../in-words.ts';
import { print } from '../print.ts';
import { auditTable } from '../records.ts';
import type { Surroundings } from '../surroundings.ts';

interface FindOptions {
  readonly who?: string;
  readonly action?: string;
  readonly since?: string;
  readonly until?: string;
  readonly request?: string;
  readonly changes?: boolean;
  readonly after?: string;
  readonly limit: number;
}

/** What control answers at most. */
const MAX_ROWS = 1000;

export function addFind(audit: Command, around: Surroundings): void {
  audit
    .command('find')
    .argument('[id]', 'only calls with this id: of an answer, of a request (X-Request-Id), or of a trace')
    .description('show who did what, newest first')
    .option('--who <name>', 'id of an API key or of a token subject, name of an operator, cert:NAME')
    .option('--action <text>', 'method and route, or the action of a change')
    .option('--since <time>', '2030-01-31, or 7d before now')
    .option('--until <time>', 'before that time')
    .option('--request <id>', 'X-Request-Id of a call')
    .option('--changes', 'only changes, no calls')
    .option('--after <place>', 'older entries, from the place that the answer before named')
    .option('--limit <count>', `how many, at most ${MAX_ROWS}`, count, 100)
    .action(async (id: string | undefined, options: FindOptions, command: Command) => {
      const { since, until, request, changes, ...query } = options;
      const page = await adminApiOf(command, around).audit({
        ...query,
        from_ms: timeBefore(since, around.nowMs()),
        before_ms: timeBefore(until, around.nowMs()),
        request_id: request,
        id,
        type: changes ? 'change' : undefined,
      });
      print(command, around, page, inWords);
    });
}

function inWords({ entries, next, lacks_before_ms: lacks }: AuditPage): string {
  const lacking =
    lacks === null ? '' : `\nincomplete: the store does not have all entries before ${time(lacks)} yet`;
  if (entries.length === 0) return `nothing of that kind is recorded${lacking}`;
  const rest = next === null ? '' : `\nolder ones: --after ${next}`;
  return `${auditTable(entries)}${rest}${lacking}`;
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= MAX_ROWS) return value;
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${MAX_ROWS}.`);
}
