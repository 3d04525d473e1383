import {
  type ColumnType,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely';

/** A connection to PostgreSQL, or to one that is embedded. Values travel apart from the SQL, always. */
export interface Queryable {
  query(sql: string, values: readonly unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
  /** Runs plain SQL of several statements, as one transaction. */
  script(sql: string): Promise<void>;
}

/** Set by us, read as a Date. */
type Time = ColumnType<Date, Date, never>;

interface PredictionRow {
  at: Time;
  id: string;
  index: number;
  tenant: string;
  unit: string;
  model: string;
  version: string;
  variant: string | null;
  assigned_variant: string | null;
  experiment: string | null;
  outcome: string;
  latency_ms: number;
  label: string | null;
  class_id: number | null;
  score: number | null;
  image_sha256: string | null;
  image_bytes: number | null;
  top_class_ids: number[] | null;
  top_scores: number[] | null;
  sketch_version: number | null;
  image_width: number | null;
  image_height: number | null;
  brightness: number | null;
  contrast: number | null;
  sharpness: number | null;
  features: number[] | null;
}

interface OutcomeRow {
  /** Time of the prediction, so that both leave the store together. */
  predicted_at: Time;
  prediction_id: string;
  index: number;
  tenant: string;
  at: Time;
  label: string | null;
  class_id: number | null;
}

interface GapRow {
  writer: string;
  sequence: number;
  dropped: number;
  from_at: Time;
  to_at: Time;
  cause: string;
}

export interface Tables {
  predictions: PredictionRow;
  outcomes: OutcomeRow;
  gaps: GapRow;
}

/** Builds typed SQL for the tables; runs nothing itself. */
export const sqlBuilder = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});
