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

/** Audit records of all writers in a database. Appending again what is there changes nothing. */
export interface AuditStore {
  /** The last record of a writer; undefined when there is none. */
  last(writer: string): Promise<Head | undefined>;
  /** Place of the last head of a writer; 0 when there is none. */
  lastHeadSeq(writer: string): Promise<number>;
  /** Heads that were anchored; a record after a hole is taken only where it follows one of them. */
  appendHeads(heads: readonly AnchoredHead[]): Promise<void>;
  /**
   * Records of one writer in their order.
   *
   * @throws the database's error, with nothing appended, when they do not go on with the stored chain
   */
  append(writer: string, records: readonly StoredRecord[]): Promise<void>;
  writers(): Promise<readonly string[]>;
  heads(): Promise<readonly AnchoredHead[]>;
  /** Records of a writer after `seq`, in the order of their places; at most `limit`. */
  after(writer: string, seq: number, limit: number): Promise<readonly StoredRecord[]>;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** @param db with the tables of layout.ts */
export function sqlAuditStore(db: Queryable): AuditStore {
  return {
    async last(writer) {
      const { rows } = await db.query(
        'SELECT seq, hash FROM audit.records WHERE writer = $1 ORDER BY seq DESC LIMIT 1',
        [writer],
      );
      const [row] = rows as readonly Row[];
      return row && { seq: Number(row.seq), hash: row.hash };
    },
    async lastHeadSeq(writer) {
      const { rows } = await db.query(
        'SELECT seq FROM audit.heads WHERE writer = $1 ORDER BY seq DESC LIMIT 1',
        [writer],
      );
      const [row] = rows as readonly Pick<Row, 'seq'>[];
      return Number(row?.seq ?? 0);
    },
    async appendHeads(heads) {
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
    async append(writer, records) {
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
    async writers() {
      const { rows } = await db.query(
        'SELECT writer FROM audit.records UNION SELECT writer FROM audit.heads ORDER BY writer',
        [],
      );
      return (rows as readonly { writer: string }[]).map(({ writer }) => writer);
    },
    async heads() {
      const { rows } = await db.query(
        'SELECT writer, seq, hash, at FROM audit.heads ORDER BY writer, seq',
        [],
      );
      return (rows as readonly (Row & { writer: string })[]).map(({ writer, seq, hash, at }) => ({
        writer,
        seq: Number(seq),
        hash,
        atMs: at.getTime(),
      }));
    },
    async after(writer, seq, limit) {
      const { rows } = await db.query(
        'SELECT seq, at, hash, body FROM audit.records WHERE writer = $1 AND seq > $2 ORDER BY seq LIMIT $3',
        [writer, seq, limit],
      );
      return (rows as readonly Row[]).map(({ seq, at, hash, body }) => ({
        seq: Number(seq),
        atMs: at.getTime(),
        hash,
        body,
      }));
    },
  };
}

/** Drivers differ in how they give a bigint. */
interface Row {
  readonly seq: number | string | bigint;
  readonly at: Date;
  readonly hash: Uint8Array;
  readonly body: Uint8Array;
}

/** The record as its log has it. */
export function bytesOf({ hash, body }: StoredRecord): Uint8Array {
  return Buffer.concat([hash, body], HASH_BYTES + body.byteLength);
}
