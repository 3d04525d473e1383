import { afterAll, beforeAll } from 'vitest';
import { type EmbeddedDatabase, embeddedDatabase } from '../../store/embedded-database.ts';
import { describeAuditStore } from '../../testing/audit-store.ts';
import { layOut } from './layout.ts';

let db: EmbeddedDatabase;
beforeAll(async () => {
  db = embeddedDatabase();
  await layOut(db);
  await layOut(db);
}, 60_000);
afterAll(() => db.close());

describeAuditStore('the audit store in PGlite', () => db);
