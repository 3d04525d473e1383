import type { AuditPage, AuditRow } from '@headgate/contracts/admin/api';
import { pseudonymsOf } from '@headgate/journal/audit/pseudonyms';
import type { Queryable } from '@headgate/stores/postgres/database';
import { AdminError } from '../api-env.ts';
import type { LogRows } from './log-rows.ts';
import { type AuditPlace, type AuditQuery, fits, newestFirst } from './rows.ts';
import { storedRows } from './stored-rows.ts';

/** What a caller asks for. `who`: an id of a key, a name of an operator, or any other credential. */
export type AuditQuestion = Partial<Omit<AuditQuery, 'who'>> & { readonly who?: string | undefined };

export type AuditRows = (question: AuditQuestion) => Promise<AuditPage>;

export interface AuditRowsOptions {
  /** Undefined where `audit.store` is none. */
  readonly store: Queryable | undefined;
  readonly logs: () => Promise<LogRows>;
  /** Holds the keys of hashed names. */
  readonly keysDir: string;
}

const MAX_LIMIT = 1000;
/** Later than anything that is recorded. */
const END_OF_TIME_MS = Date.UTC(9999, 0);

/** Audit rows, newest first: those that are stored, and those that the logs here have beside them. */
export function auditRows({ store, logs, keysDir }: AuditRowsOptions): AuditRows {
  return async ({ who: asked, ...rest }) => {
    if (!store) throw new AdminError('not_found', NONE);
    const who = asked === undefined ? undefined : await namesOf(asked, keysDir);
    const query = { limit: MAX_LIMIT, fromMs: 0, beforeMs: END_OF_TIME_MS, ...rest, who };
    // In this order: a record that is stored meanwhile is in both, not in none.
    const logged = await logs();
    const stored = await fromStore(store, query);
    const byPlace = new Map<string, AuditRow>();
    for (const row of [...stored, ...logged.rows.filter((row) => fits(row, query))]) {
      byPlace.set(`${row.seq} ${row.writer}`, row);
    }
    const entries = [...byPlace.values()].sort(newestFirst).slice(0, query.limit);
    const last = entries.length < query.limit ? undefined : entries.at(-1);
    const { lacksBeforeMs } = logged;
    const isWhole = lacksBeforeMs === undefined || query.fromMs >= lacksBeforeMs;
    return { entries, next: last ? textOf(last) : null, lacks_before_ms: isWhole ? null : lacksBeforeMs };
  };
}

/** Names that the log may have for it: as it is, as a key, as an operator, and hashed by the key of each day. */
async function namesOf(asked: string, keysDir: string): Promise<readonly string[]> {
  const hashed = HASHED.test(asked) ? await pseudonymsOf(asked, keysDir) : [];
  return [asked, `key:${asked}`, `user:${asked}`, ...hashed.map(({ who }) => who)];
}

const HASHED = /^(oidc_|cert:)/;

const textOf = ({ at_ms, seq, writer }: AuditPlace): string => `${at_ms}.${seq}.${writer}`;

/** @returns undefined for a text that `next` never was */
export function placeOf(text: string): AuditPlace | undefined {
  const [, atMs, seq, writer] = /^(\d{1,15})\.(\d{1,15})\.([A-Za-z0-9._-]{1,128})$/.exec(text) ?? [];
  return writer === undefined ? undefined : { at_ms: Number(atMs), seq: Number(seq), writer };
}

const NONE =
  'No audit store (audit.store is none): the records are in the logs alone, which headgate audit verify checks.';

function fromStore(store: Queryable, query: AuditQuery): Promise<readonly AuditRow[]> {
  return storedRows(store, query).catch((cause) => {
    throw new AdminError('store_unavailable', 'The audit store does not answer; try again.', { cause });
  });
}
