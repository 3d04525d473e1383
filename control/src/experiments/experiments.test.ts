import { afterAll, beforeAll, describe } from 'vitest';
import { embeddedDatabase } from '../store/embedded-database.ts';
import { describeExperiments } from '../testing/experiment-store.ts';
import { describeRequests } from '../testing/request-store.ts';

describe('experiments', () => {
  const db = embeddedDatabase();
  // Making a database takes seconds of a core.
  beforeAll(() => db.script(''), 60_000);
  afterAll(() => db.close());
  describeExperiments('in the embedded database', () => db);
  describeRequests('requests in the embedded database', () => db);
});
