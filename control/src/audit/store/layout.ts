import type { Queryable } from '@headgate/stores/postgres/database';

/** Who may append and read, and nothing else. A login of control is made a member of it. */
export const WRITER_ROLE = 'headgate_audit_writer';

/** Any number that nothing else locks: one process lays out at a time. */
const LOCK = 8_447_048;

/**
 * Append-only by the database itself (decision 0048): triggers refuse UPDATE, DELETE and TRUNCATE to everybody, the
 * owner included, and an INSERT that does not go on with the chain. A record that is there already is left out. When a
 * record was stored is what the clock of the database said.
 * The owner of the tables can drop the triggers; what is done then, `headgate audit verify` finds.
 */
const LAYOUT = `
  SELECT pg_advisory_xact_lock(${LOCK});
  CREATE SCHEMA IF NOT EXISTS audit;

  CREATE TABLE IF NOT EXISTS audit.heads (
    writer text NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (writer, seq, hash)
  );
  CREATE TABLE IF NOT EXISTS audit.records (
    writer text NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    body bytea NOT NULL,
    at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (writer, seq)
  );
  CREATE INDEX IF NOT EXISTS records_at ON audit.records (at);
  CREATE OR REPLACE VIEW audit.facts AS
    SELECT writer, seq, at, convert_from(body, 'UTF8')::json AS fact FROM audit.records;

  CREATE OR REPLACE FUNCTION audit.refuse() RETURNS trigger LANGUAGE plpgsql AS $function$
  BEGIN
    RAISE EXCEPTION '% on audit.% is refused: the audit log is append-only', TG_OP, TG_TABLE_NAME
      USING ERRCODE = 'insufficient_privilege';
  END $function$;

  CREATE OR REPLACE FUNCTION audit.continue_chain() RETURNS trigger LANGUAGE plpgsql AS $function$
  DECLARE
    stored bytea;
    previous bytea;
  BEGIN
    SELECT hash INTO stored FROM audit.records WHERE writer = NEW.writer AND seq = NEW.seq;
    IF stored = NEW.hash THEN
      RETURN NULL;
    ELSIF stored IS NOT NULL THEN
      RAISE EXCEPTION 'another record stands at % of %', NEW.seq, NEW.writer USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.seq = 1 THEN
      previous := decode(repeat('00', 32), 'hex');
    ELSE
      SELECT hash INTO previous FROM audit.records WHERE writer = NEW.writer AND seq = NEW.seq - 1;
      IF NOT FOUND THEN
        SELECT hash INTO previous FROM audit.heads
          WHERE writer = NEW.writer AND seq = NEW.seq - 1 AND sha256(hash || NEW.body) = NEW.hash;
      END IF;
    END IF;
    IF previous IS NULL OR sha256(previous || NEW.body) <> NEW.hash THEN
      RAISE EXCEPTION 'record % of % does not follow what is stored', NEW.seq, NEW.writer
        USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    NEW.stored_at := now();
    RETURN NEW;
  END $function$;

  CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.records
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse();
  CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.heads
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse();
  CREATE OR REPLACE TRIGGER continue_chain BEFORE INSERT ON audit.records
    FOR EACH ROW EXECUTE FUNCTION audit.continue_chain();
  ALTER TABLE audit.records ENABLE ALWAYS TRIGGER refuse_change;
  ALTER TABLE audit.heads ENABLE ALWAYS TRIGGER refuse_change;
  ALTER TABLE audit.records ENABLE ALWAYS TRIGGER continue_chain;

  REVOKE ALL ON SCHEMA audit FROM PUBLIC;
  REVOKE ALL ON ALL TABLES IN SCHEMA audit FROM PUBLIC;
  DO $grants$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${WRITER_ROLE}') THEN
      CREATE ROLE ${WRITER_ROLE} NOLOGIN;
    END IF;
    GRANT USAGE ON SCHEMA audit TO ${WRITER_ROLE};
    GRANT SELECT, INSERT ON audit.records, audit.heads TO ${WRITER_ROLE};
    GRANT SELECT ON audit.facts TO ${WRITER_ROLE};
  EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE '${WRITER_ROLE} was not made: this role may make no roles';
  END $grants$;
`;

/**
 * Makes the tables where they are missing, or brings them to the newest form where this role owns them.
 *
 * @returns whether this role owns the tables, and so could take their triggers away
 * @throws the database's error when they are missing and this role may not make them
 */
export async function layOut(db: Queryable): Promise<{ readonly owner: boolean }> {
  const { rows } = await db.query(
    "SELECT pg_has_role(nspowner, 'USAGE') AS owner FROM pg_namespace WHERE nspname = 'audit'",
    [],
  );
  const owner = (rows[0] as { owner: boolean } | undefined)?.owner ?? true;
  if (owner) await db.script(LAYOUT);
  return { owner };
}
