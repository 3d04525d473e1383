import { openPostgres, type PostgresDatabase } from '@headgate/stores/postgres/database';
import { startPostgresCluster, type TestPostgres } from '@headgate/testkit/services/postgres';
import { afterAll, beforeAll, describe } from 'vitest';
import { describeExperiments } from '../../control/src/testing/experiment-store.ts';
import { describeRequests } from '../../control/src/testing/request-store.ts';

describe('experiments', () => {
  let cluster: TestPostgres;
  let db: PostgresDatabase;
  beforeAll(async () => {
    cluster = await startPostgresCluster();
    db = await openPostgres({ url: cluster.url, timeoutMs: 10_000 });
  });
  afterAll(async () => {
    await db?.close();
    await cluster?.close();
  });

  describeExperiments('in PostgreSQL', () => db);
  describeRequests('requests in PostgreSQL', () => db);
});
