import { hostname, userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { AuditFact } from '@headgate/journal/audit/chain';
import { appendFact } from '../audit/own-log.ts';
import { CliError } from './errors.ts';
import type { Installation, Surroundings } from './surroundings.ts';

export interface AuditedChange {
  readonly action:
    | 'keys.create'
    | 'keys.rotate'
    | 'keys.revoke'
    | 'audit.forget'
    | 'captures.erase'
    | 'captures.export';
  /** Names and numbers; no secrets, and people only as pseudonyms. */
  readonly detail: Readonly<Record<string, string | number>>;
}

/** Changes that take rights away are made in any case: a log that is full, or broken by an intruder, must not protect a key. */
const IN_ANY_CASE: ReadonlySet<AuditedChange['action']> = new Set(['keys.revoke']);

/**
 * Makes a change, and records its attempt before it begins and its outcome afterwards. A revocation is made also
 * without a record; its user is told so.
 *
 * @throws CliError failed, when it cannot be recorded: nothing was changed then
 */
export async function audited<T>(
  change: AuditedChange,
  installation: Installation,
  around: Surroundings,
  make: () => T | Promise<T>,
): Promise<T> {
  const { audit } = installation.config;
  if (audit.sink === 'none') return make();
  const { root } = installation;
  const log = {
    dir: resolve(root, audit.dir),
    headsFile: resolve(root, audit.heads_file),
    writer: `headgate-${hostname()}`.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 128),
  };
  const inAnyCase = IN_ANY_CASE.has(change.action);
  const fact = { who: operator(), ...change };
  const note = (outcome: 'attempted' | 'accepted' | 'refused') =>
    appendFact(
      log,
      { type: 'change', ...fact, outcome, request_id: null } satisfies AuditFact,
      around.nowMs(),
      { fromReserve: inAnyCase },
    );

  const isNoted = await note('attempted').then(
    () => true,
    (cause) => {
      if (inAnyCase) return false;
      throw new CliError('failed', `the change cannot be recorded in ${log.dir}, so nothing was changed`, {
        remedy: 'make room there, or let this user write there',
        cause,
      });
    },
  );
  let made: T;
  try {
    made = await make();
  } catch (error) {
    await note('refused').catch(() => undefined);
    throw error;
  }
  await note('accepted').catch(() => around.err(isNoted ? ATTEMPT_ALONE : unrecorded(change, log.dir)));
  return made;
}

const ATTEMPT_ALONE = 'headgate: the change was made, but only its attempt was recorded\n';

function unrecorded({ action, detail }: AuditedChange, dir: string): string {
  return `headgate: the change was made, but not recorded in ${dir}. Make room there, and note it yourself: ${action} ${JSON.stringify(detail)}\n`;
}

/** The user who runs the command. */
export function operator(): string {
  try {
    return `user:${userInfo().username}`;
  } catch {
    // A container may run as a number that has no name.
    return `user:${process.getuid?.() ?? 'unknown'}`;
  }
}
