/**
 * A server of the edge benchmark: `--kind onion` is the gateway's whole app over a predictor that answers at once,
 * `--kind echo` a bare Hono app that answers the body, `--kind read` one that reads the body and answers a word. All run
 * in the same server adapter, with the same options.
 */
import { createHash } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { systemClock } from '@headgate/contracts/clock';
import { createLogger } from '@headgate/contracts/telemetry/logger';
import { type Context, Hono } from 'hono';
import { memoryKeyStore } from '../../../gateway/src/auth/key-store.ts';
import { createKeyUses } from '../../../gateway/src/auth/key-use.ts';
import { createLockouts } from '../../../gateway/src/auth/lockouts.ts';
import { readIncoming } from '../../../gateway/src/body/read-incoming.ts';
import { clientIpOf } from '../../../gateway/src/client-ip.ts';
import { type HttpServerOptions, nodeOptions, serveHttp } from '../../../gateway/src/server.ts';
import { createTelemetry } from '../../../gateway/src/telemetry/create-telemetry.ts';
import { createMetrics } from '../../../gateway/src/telemetry/metrics.ts';
import {
  CONFIG,
  fixture,
  keyRecords,
  PREDICTION,
  ROUTING,
} from '../../../gateway/src/testing/app-fixture.ts';
import { auditOfBench } from './audit.ts';

export const KINDS = ['onion', 'echo', 'read'] as const;
export type Kind = (typeof KINDS)[number];

/** Log lines are written in blocks of so many bytes, as the logger does on standard output. */
const BLOCK_BYTES = 4096;
const LIMITS = { ...CONFIG.limits, body_bytes: 10 * 2 ** 20 };

function nowhere(): { write(line: string): void } {
  const file = openSync('/dev/null', 'w');
  let pending = '';
  return {
    write(line) {
      pending += line;
      if (pending.length < BLOCK_BYTES) return;
      writeSync(file, pending);
      pending = '';
    },
  };
}

/** Everything on: keys, limits, validation, metrics, a log line, trace ids, and the audit log on disk. */
async function onion(auditDir: string): Promise<HttpServerOptions['fetch']> {
  const routing = { current: () => ROUTING };
  const logger = createLogger({ service: 'gateway', level: 'info', destination: nowhere() });
  const keys = memoryKeyStore(await keyRecords(), (text) => createHash('sha256').update(text).digest());
  const keyUses = createKeyUses(keys, systemClock);
  const lockouts = createLockouts(systemClock);
  const metrics = createMetrics();
  const audit = await auditOfBench(auditDir, { logger, metrics });
  const { app } = await fixture({
    config: { ...CONFIG, limits: LIMITS },
    routing,
    predictor: { predict: async () => PREDICTION },
    keys,
    telemetry: createTelemetry({ logger, metrics, routing, keyUses, lockouts }),
    audit: audit.sink,
    clientIp: clientIpOf([]),
    readBody: readIncoming,
  });
  return app.fetch;
}

function bare(answer: (c: Context, body: ArrayBuffer) => Response): HttpServerOptions['fetch'] {
  const app = new Hono();
  app.post('/predict', async (c) => answer(c, await c.req.arrayBuffer()));
  return (request) => app.fetch(request);
}

async function appOf(kind: string | undefined, auditDir: string): Promise<HttpServerOptions['fetch']> {
  if (kind === 'onion') return onion(auditDir);
  if (kind === 'echo') return bare((c, body) => c.body(body));
  if (kind === 'read') return bare((c, body) => c.json({ bytes: body.byteLength }));
  throw new TypeError(`--kind: expected one of ${KINDS.join(', ')}`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { kind: { type: 'string' }, 'audit-dir': { type: 'string', default: '.' } },
  });
  const fetch = await appOf(values.kind, values['audit-dir']);
  const { port } = await serveHttp({ fetch, host: '127.0.0.1', port: 0, node: nodeOptions(CONFIG) });
  console.log(JSON.stringify({ port }));
}
