import { HASH_BYTES, type Head } from '@headgate/journal/audit/chain';
import type { AnchoredHead } from '@headgate/journal/audit/heads';
import type { Queryable } from '@headgate/stores/postgres/database';

/** A record as it is stored: what the hash covers, and beside it what rows are found by. */
export interface StoredRecord {
  readonly seq: number;
  readonly atMs: number;
  readonly hash: Uint8Array;
  readonly body: Uint8Array;
}

/** A stored record without its body. */
export interface StoredPlace extends Head {
  /** What the record says. */
  readonly atMs: number;
  /** By the clock of the database. */
  readonly storedAtMs: number;
}

/** Drivers differ in how they give a bigint. */
interface Row {
  readonly writer: string;
  readonly seq: number | string | bigint;
  readonly at: Date;
  readonly stored_at: Date;
  readonly hash: Uint8Array;
  readonly body: Uint8Array;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

export type AuditStore = ReturnType<typeof sqlAuditStore>;

/**
 * Audit records of all writers in a database. A record that is there already is not appended again.
 *
 * @param db with the tables of layout.ts
 */
export function sqlAuditStore(db: Queryable) {
  const rowsOf = async (sql: string, values: readonly unknown[]) =>
    (await db.query(sql, values)).rows as readonly Row[];
  return {
    ...appendTo(db),

    /** The last record of a writer; undefined when there is none. */
    async last(writer: string): Promise<StoredPlace | undefined> {
      const [row] = await rowsOf(
        'SELECT seq, hash, at, stored_at FROM audit.records WHERE writer = $1 ORDER BY seq DESC LIMIT 1',
        [writer],
      );
      return row && placeOf(row);
    },

    /** How many records of a writer are stored up to a place. */
    async count(writer: string, upTo: number): Promise<number> {
      const sql = 'SELECT count(*) AS seq FROM audit.records WHERE writer = $1 AND seq <= $2';
      return Number((await rowsOf(sql, [writer, upTo]))[0]?.seq);
    },

    /** Undefined where no record of that place is stored. */
    async at(writer: string, seq: number): Promise<StoredPlace | undefined> {
      const [row] = await rowsOf(
        'SELECT seq, hash, at, stored_at FROM audit.records WHERE writer = $1 AND seq = $2',
        [writer, seq],
      );
      return row && placeOf(row);
    },

    /** Places of those heads that differ from the record that is stored there. */
    async contradicted(writer: string, heads: readonly AnchoredHead[]): Promise<readonly number[]> {
      const rows = await rowsOf(
        `SELECT stored.seq FROM unnest($2::bigint[], $3::text[]) AS head (seq, hash)
         JOIN audit.records AS stored ON stored.writer = $1 AND stored.seq = head.seq
         WHERE stored.hash <> decode(head.hash, 'hex')`,
        [writer, heads.map(({ seq }) => seq), heads.map(({ hash }) => hex(hash))],
      );
      return rows.map(({ seq }) => Number(seq));
    },

    /** Place of the last head of a writer; 0 when there is none. */
    async lastHeadSeq(writer: string): Promise<number> {
      const [row] = await rowsOf('SELECT seq FROM audit.heads WHERE writer = $1 ORDER BY seq DESC LIMIT 1', [
        writer,
      ]);
      return Number(row?.seq ?? 0);
    },

    async writers(): Promise<readonly string[]> {
      const sql = 'SELECT writer FROM audit.records UNION SELECT writer FROM audit.heads ORDER BY writer';
      return (await rowsOf(sql, [])).map(({ writer }) => writer);
    },

    async heads(): Promise<readonly AnchoredHead[]> {
      const rows = await rowsOf('SELECT writer, seq, hash, at FROM audit.heads ORDER BY writer, seq', []);
      return rows.map(({ writer, seq, hash, at }) => ({
        writer,
        seq: Number(seq),
        hash,
        atMs: at.getTime(),
      }));
    },

    /** Records of a writer after `seq`, in the order of their places; at most `limit`. */
    async after(writer: string, seq: number, limit: number): Promise<readonly StoredRecord[]> {
      const rows = await rowsOf(
        'SELECT seq, at, hash, body FROM audit.records WHERE writer = $1 AND seq > $2 ORDER BY seq LIMIT $3',
        [writer, seq, limit],
      );
      return rows.map(({ seq, at, hash, body }) => ({ seq: Number(seq), atMs: at.getTime(), hash, body }));
    },
  };
}

const placeOf = ({ seq, hash, at, stored_at }: Row): StoredPlace => ({
  seq: Number(seq),
  hash,
  atMs: at.getTime(),
  storedAtMs: stored_at.getTime(),
});

function appendTo(db: Queryable) {
  return {
    /** Heads that were anchored; a record after a hole is taken only where it follows one of them. */
    async appendHeads(heads: readonly AnchoredHead[]): Promise<void> {
      await db.query(
        `INSERT INTO audit.heads (writer, seq, hash, at)
         SELECT writer, seq, decode(hash, 'hex'), to_timestamp(at_ms / 1000)
         FROM unnest($1::text[], $2::bigint[], $3::text[], $4::float8[]) AS head (writer, seq, hash, at_ms)
         ON CONFLICT DO NOTHING`,
        [
          heads.map(({ writer }) => writer),
          heads.map(({ seq }) => seq),
          heads.map(({ hash }) => hex(hash)),
          heads.map(({ atMs }) => atMs),
        ],
      );
    },

    /**
     * Records of one writer in their order.
     *
     * @throws the database's error, with nothing appended, when they do not go on with the stored chain
     */
    async append(writer: string, records: readonly StoredRecord[]): Promise<void> {
      await db.query(
        `INSERT INTO audit.records (writer, seq, hash, body, at)
         SELECT $1, seq, decode(hash, 'hex'), decode(body, 'hex'), to_timestamp(at_ms / 1000)
         FROM unnest($2::bigint[], $3::text[], $4::text[], $5::float8[]) AS record (seq, hash, body, at_ms)
         ON CONFLICT DO NOTHING`,
        [
          writer,
          records.map(({ seq }) => seq),
          records.map(({ hash }) => hex(hash)),
          records.map(({ body }) => hex(body)),
          records.map(({ atMs }) => atMs),
        ],
      );
    },
  };
}

/** The record as its log has it. */
export function bytesOf({ hash, body }: StoredRecord): Uint8Array {
  return Buffer.concat([hash, body], HASH_BYTES + body.byteLength);
}
