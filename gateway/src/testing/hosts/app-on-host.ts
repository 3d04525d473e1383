import { noAudit } from '@headgate/journal/audit/sink';
import { systemClock } from '@headgate/runtime/clock';
import { createApp } from '../../app.ts';
import { memoryKeyStore } from '../../auth/key-store.ts';
import type { ClientIp } from '../../deps.ts';
import { memoryLimiter } from '../../rate-limit/memory.ts';
import { httpPredictor } from '../../upstream/http-predictor.ts';
import { CONFIG, keyRecords, ROUTING, silentTelemetry } from '../app-fixture.ts';
import { echoInference } from '../echo-inference.ts';

/**
 * The app as a fetch host without gRPC would run it: everything Web-standard, inference asked over HTTP; tensors come back as they
 * were sent.
 */
export async function appOnHost(
  predictorUrl: string,
  clientIp: ClientIp,
): Promise<ReturnType<typeof createApp>> {
  return createApp({
    config: { ...CONFIG, deadline: { ...CONFIG.deadline, upload_ms: 1000 } },
    routing: { current: () => ROUTING },
    predictor: httpPredictor(predictorUrl),
    inference: echoInference(),
    readiness: { isReady: () => true },
    limiter: memoryLimiter({ maxSubjects: 10_000 }),
    keys: memoryKeyStore(await keyRecords()),
    telemetry: silentTelemetry(),
    audit: noAudit,
    clientIp,
    draining: () => false,
    clock: systemClock,
  });
}
