import type { Queryable } from '../postgres/database.ts';

/** Sketches and the best classes of predictions; and predictions that had no image. */
const SKETCHES = `
  ALTER TABLE predictions
    ALTER COLUMN image_sha256 DROP NOT NULL,
    ALTER COLUMN image_bytes DROP NOT NULL,
    ADD COLUMN top_class_ids integer[],
    ADD COLUMN top_scores real[],
    ADD COLUMN sketch_version integer,
    ADD COLUMN image_width integer,
    ADD COLUMN image_height integer,
    ADD COLUMN brightness real,
    ADD COLUMN contrast real,
    ADD COLUMN sharpness real,
    ADD COLUMN features real[];
`;

/** What the caller says an answer was worth. */
const REWARDS = 'ALTER TABLE outcomes ADD COLUMN reward double precision';

/** Copies of what control answered, run again by itself (noise) and by a shadow. */
const SHADOWS = `
  CREATE TABLE shadows (
    at timestamptz NOT NULL,
    id uuid NOT NULL,
    index integer NOT NULL,
    model text NOT NULL,
    version text NOT NULL,
    shadow_version text NOT NULL,
    outcome text NOT NULL,
    label text NOT NULL,
    class_id integer NOT NULL,
    score double precision NOT NULL,
    shadow_label text,
    shadow_class_id integer,
    shadow_score double precision,
    shadow_latency_ms double precision,
    shadow_agrees boolean,
    shadow_score_change double precision,
    noise_label text,
    noise_class_id integer,
    noise_score double precision,
    noise_latency_ms double precision,
    noise_agrees boolean,
    noise_score_change double precision,
    label_order_differs boolean NOT NULL,
    PRIMARY KEY (at, id, index, shadow_version)
  ) PARTITION BY RANGE (at);
  CREATE TABLE shadows_other PARTITION OF shadows DEFAULT;
`;

/** By which the audit log and the records of a request are found together. */
const REQUEST_IDS = 'ALTER TABLE predictions ADD COLUMN request_id text';

const TRACE_IDS = 'ALTER TABLE predictions ADD COLUMN trace_id text';

/** When the split of an experiment changed, and what its analysis saw at one time. */
const EXPERIMENTS = `
  CREATE TABLE experiment_epochs (
    model text NOT NULL,
    experiment text NOT NULL,
    from_at timestamptz NOT NULL,
    salt text NOT NULL,
    variants jsonb NOT NULL,
    PRIMARY KEY (model, experiment, from_at)
  );

  CREATE TABLE experiment_looks (
    model text NOT NULL,
    experiment text NOT NULL,
    metric text NOT NULL,
    variant text NOT NULL,
    at timestamptz NOT NULL,
    units integer NOT NULL,
    difference double precision,
    low double precision,
    high double precision,
    verdict text NOT NULL,
    PRIMARY KEY (model, experiment, metric, variant, at)
  );
`;

/**
 * Plain SQL, in order, each run once. A migration that was released is never changed. Days are partitions, so that
 * forgetting one is instant; what carries an unlikely time goes to the default partition.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE predictions (
    at timestamptz NOT NULL,
    id uuid NOT NULL,
    index integer NOT NULL,
    tenant text NOT NULL,
    unit text NOT NULL,
    model text NOT NULL,
    version text NOT NULL,
    variant text,
    assigned_variant text,
    experiment text,
    outcome text NOT NULL,
    latency_ms double precision NOT NULL,
    label text,
    class_id integer,
    score double precision,
    image_sha256 text NOT NULL,
    image_bytes integer NOT NULL,
    PRIMARY KEY (at, id, index)
  ) PARTITION BY RANGE (at);
  CREATE TABLE predictions_other PARTITION OF predictions DEFAULT;

  CREATE TABLE outcomes (
    predicted_at timestamptz NOT NULL,
    prediction_id uuid NOT NULL,
    index integer NOT NULL,
    tenant text NOT NULL,
    at timestamptz NOT NULL,
    label text,
    class_id integer,
    PRIMARY KEY (predicted_at, prediction_id, index, tenant)
  ) PARTITION BY RANGE (predicted_at);
  CREATE TABLE outcomes_other PARTITION OF outcomes DEFAULT;

  CREATE TABLE gaps (
    writer text NOT NULL,
    sequence bigint NOT NULL,
    dropped bigint NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    cause text NOT NULL,
    PRIMARY KEY (writer, sequence)
  );
  `,
  SKETCHES,
  REWARDS,
  SHADOWS,
  REQUEST_IDS,
  EXPERIMENTS,
  TRACE_IDS,
];

/** Any number that nothing else locks: one process migrates at a time. */
const LOCK = 8_447_001;

/**
 * Brings the tables to the newest form; several processes may start at once.
 *
 * @param upTo last migration that is applied, from 1; absent = all of them
 */
export async function migrate(db: Queryable, upTo = MIGRATIONS.length): Promise<void> {
  await db.script(`
    SELECT pg_advisory_xact_lock(${LOCK});
    CREATE TABLE IF NOT EXISTS headgate_migrations (number integer PRIMARY KEY, at timestamptz DEFAULT now());
  `);
  for (const [i, sql] of MIGRATIONS.slice(0, upTo).entries()) await applyOnce(db, i + 1, sql);
}

/** The body is quoted as a whole: PostgreSQL runs it only where the number is new. */
async function applyOnce(db: Queryable, number: number, sql: string): Promise<void> {
  // A block takes no parameters; the number and the text are those of MIGRATIONS.
  // nosemgrep: sql-is-not-put-together
  await db.script(`
    SELECT pg_advisory_xact_lock(${LOCK});
    DO $migration$ BEGIN
      IF NOT EXISTS (SELECT FROM headgate_migrations WHERE number = ${number}) THEN
        INSERT INTO headgate_migrations (number) VALUES (${number});
        EXECUTE $body$${sql}$body$;
      END IF;
    END $migration$;
  `);
}
