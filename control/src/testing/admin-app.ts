import { hash } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { API_BASE, CSRF_HEADER, type Problem, type Session } from '@headgate/contracts/admin/api';
import { type KeyRecord, keyRecordSchema } from '@headgate/contracts/keys';
import { HEADER } from '@headgate/contracts/names';
import type { AuditChange, AuditEntry } from '@headgate/journal/audit/sink';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import { type KeyStore, memoryKeyStore } from '@headgate/runtime/keys/key-store';
import { type Call, httpClient } from '@headgate/testkit/http';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { getRequestListener } from '@hono/node-server';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { type AdminDeps, createAdminApp } from '../api/app.ts';
import { EventFeed } from '../api/events/feed.ts';
import { createInternalServer } from '../internal-server.ts';

export const ORIGIN = 'http://127.0.0.1:8447';
export const ADMIN_KEY = `hg_admin1_${'a'.repeat(43)}`;
export const CLIENT_KEY = `hg_client1_${'c'.repeat(43)}`;
const SECRET = 'a1'.repeat(32);

export const secret: InternalSecret = {
  header: { [HEADER.internalSecret]: SECRET },
  accepts: (shown) => shown === SECRET,
};

/** The record of a key. */
export function recordOf(key: string, record: Partial<KeyRecord> = {}): KeyRecord {
  const [, id] = key.split('_');
  return keyRecordSchema.parse({ id, sha256: hash('sha256', key), name: 'n', role: 'admin', ...record });
}

export type AdminFixture = ReturnType<typeof adminApp>;

/** An admin app without a socket, whose keys and clock a test may change, and what its audit log took. */
export function adminApp(deps: Partial<AdminDeps> = {}) {
  const clock = new ManualClock();
  const changes: AuditChange[] = [];
  const calls: AuditEntry[] = [];
  const errors: unknown[] = [];
  let store: KeyStore = memoryKeyStore([recordOf(ADMIN_KEY), recordOf(CLIENT_KEY, { role: 'client' })]);
  const keys: KeyStore = { find: (id) => store.find(id), digest: (text) => store.digest(text) };
  const logger = { error: (fields: unknown) => void errors.push(fields) };
  const live = deps.live ?? (async () => EMPTY);
  const feed = new EventFeed({ live, clock, logger });
  const app = createAdminApp({
    keys,
    secret,
    clock,
    audit: {
      change: async (change) => void changes.push(change),
      record: (entry) => void calls.push(entry),
    },
    logger,
    feed,
    live,
    groups: [],
    consoleDir: '/nowhere',
    ...deps,
  });

  const send = async (method: string, path: string, headers: Record<string, string> = {}, body?: unknown) => {
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await app.request(`${ORIGIN}${path}`, {
      method,
      headers: { host: new URL(ORIGIN).host, ...json, ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return response;
  };
  const api = (method: string, path: string, headers: Record<string, string> = {}, body?: unknown) =>
    send(method, `${API_BASE}${path}`, headers, body);

  return {
    app,
    clock,
    feed,
    changes,
    calls,
    errors,
    send,
    api,
    setKeys: (...records: KeyRecord[]) => {
      store = memoryKeyStore(records);
    },
    /** Logs in, and returns what the browser sends from then on. */
    login: async (key = ADMIN_KEY, headers: Record<string, string> = {}) => {
      const response = await api('POST', '/session', headers, { key });
      const session = (await response.json()) as Session;
      const setCookie = response.headers.get('set-cookie') ?? '';
      const cookie = setCookie.split(';')[0] ?? '';
      return { response, session, setCookie, cookie: { cookie }, csrf: { [CSRF_HEADER]: session.csrf } };
    },
  };
}

/** The same app on a socket, as control serves it. */
export async function serve({ app }: AdminFixture) {
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createInternalServer({
    registry: new Registry(),
    secret,
    logger: { error: () => undefined },
    admin: (request, response) => void listener(request, response),
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const send = (call: Call, localAddress = '127.0.0.1') => {
    const client = httpClient(`http://127.0.0.1:${port}`, { localAddress });
    return client.send(call).finally(() => client.close());
  };
  return { port, send };
}

export const problemOf = async (response: Response): Promise<Problem> => (await response.json()) as Problem;

const VERSION = { revision: 'r', changed_at_ms: null, changed_by: null };

const EMPTY = {
  at_ms: 0,
  default_model: 'digits',
  routing: { ...VERSION, source: 'file', refused: [], in_force: VERSION },
  fresh: false,
  gateways: [],
  models: [],
} as const;
