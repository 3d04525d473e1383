import { noAudit } from '@headgate/journal/audit/sink';
import { systemClock } from '@headgate/runtime/clock';
import { memoryKeyStore } from '@headgate/runtime/keys/key-store';
import { createApp } from '../app.ts';
import { memoryLimiter } from '../rate-limit/memory.ts';
import { httpPredictor } from '../upstream/http-predictor.ts';
import { CONFIG, keyRecords, ROUTING, silentTelemetry } from './app-fixture.ts';
import { echoInference } from './echo-inference.ts';

/** What this file uses of Deno. */
declare const Deno: {
  readonly args: readonly [predictorUrl: string];
  serve(
    options: { hostname: string; port: number; onListen: (address: { port: number }) => void },
    handler: (request: Request, info: { remoteAddr: { hostname: string } }) => Response | Promise<Response>,
  ): void;
};

/** The app as a fetch host without gRPC runs it: inference is asked over HTTP, tensors come back as they were sent. */
const app = createApp({
  config: { ...CONFIG, deadline: { ...CONFIG.deadline, default_ms: 1000 } },
  routing: { current: () => ROUTING },
  predictor: httpPredictor(Deno.args[0]),
  inference: echoInference(),
  readiness: { isReady: () => true },
  limiter: memoryLimiter({ maxSubjects: 10_000 }),
  keys: memoryKeyStore(await keyRecords()),
  telemetry: silentTelemetry(),
  audit: noAudit,
  clientIp: (_request, env) => (env as { ip: string }).ip,
  draining: () => false,
  clock: systemClock,
});
Deno.serve(
  { hostname: '127.0.0.1', port: 0, onListen: ({ port }) => console.log(port) },
  (request, { remoteAddr }) => app.fetch(request, { ip: remoteAddr.hostname }),
);
