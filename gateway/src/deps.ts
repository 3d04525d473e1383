import type { GatewayConfig } from '@headgate/contracts/config/schema';
import type { AuditSink } from '@headgate/journal/audit/sink';
import type { Clock } from '@headgate/runtime/clock';
import type { KeyStore } from '@headgate/runtime/keys/key-store';
import type { TokenVerifier } from './auth/tokens.ts';
import type { ReadBody } from './body/read-body.ts';
import type { Limiter } from './rate-limit/limiter.ts';
import type { DocsScript } from './routes/docs/docs.ts';
import type { JsonWork } from './routes/v2/json-work.ts';
import type { RoutingSource } from './routing/source.ts';
import type { Parking } from './serverless/parking.ts';
import type { ShadowQueue } from './shadow/shadow-queue.ts';
import type { Recorder } from './store/recorder.ts';
import type { Telemetry } from './telemetry/telemetry.ts';
import type { OpenInference, Predictor, Readiness } from './upstream/inference.ts';

/**
 * Address of the client, as text. The host knows the socket and which proxies it trusts; the app does not.
 *
 * @param env what the host passed as second argument of `app.fetch` (on Node: `{ incoming, outgoing }`)
 */
export type ClientIp = (request: Request, env: unknown) => string;

/** Calls `then` when the answer of a request has left, or its client. @param env as above */
export type OnAnswered = (env: unknown, then: () => void) => void;

/** Everything that the app needs from its surroundings. */
export interface AppDeps {
  readonly config: GatewayConfig;
  readonly routing: RoutingSource;
  readonly predictor: Predictor;
  /** Absent where the inference side cannot be asked in its own protocol: then nothing is served under /v2. */
  readonly inference?: OpenInference;
  readonly readiness: Readiness;
  /** Absent where every model always has pods. */
  readonly parking?: Pick<Parking, 'enter'>;
  readonly limiter: Limiter;
  readonly keys: KeyStore;
  /** Absent where no bearer tokens are accepted. */
  readonly tokens?: TokenVerifier;
  readonly telemetry: Telemetry;
  readonly audit: AuditSink;
  /** Absent where nothing is kept. */
  readonly recorder?: Recorder;
  /** Absent where no copies of requests are compared. */
  readonly shadows?: Pick<ShadowQueue, 'add' | 'drop'>;
  readonly clientIp: ClientIp;
  /** How this host reads a body; absent = as a Web stream, which every host can. */
  readonly readBody?: ReadBody;
  /** Does what much JSON costs; absent = at once, which holds up every other request. */
  readonly jsonWork?: JsonWork;
  /** Absent: the page of the documentation has no script. */
  readonly docsScript?: DocsScript;
  /** Absent = answers count as sent once the app has made them. */
  readonly onAnswered?: OnAnswered;
  /** True from the moment the host wants its connections to close; answers then say so. */
  readonly draining: () => boolean;
  readonly clock: Clock;
  /** In [0, 1), for choices that nobody must foresee; absent = the host's own. */
  readonly random?: () => number;
}
