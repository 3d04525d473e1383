import type { TraceContext } from '@headgate/contracts/trace-context';
import type { Context, Handler, MiddlewareHandler } from 'hono';
import type { Identity } from './auth/identity.ts';
import type { Deadline } from './deadline.ts';
import type { RequestCharge } from './rate-limit/charge.ts';
import type { Choice } from './routes/predict/choose-variant.ts';
import type { ImageItem } from './routes/predict/validate.ts';
import type { InferRequest } from './routes/v2/infer-request.ts';
import type { CallContext } from './upstream/inference.ts';

/** What the layers hand inwards. Each variable is set once, by the layer that is named beside it. */
interface AppVariables {
  /** requestId: value of the X-Request-Id header of the answer. */
  requestId: string;
  /** observe: monotonic time at which the request entered, in ms. */
  startedAtMs: number;
  /** observe: pattern of the route that the path belongs to, or `other`; never the path itself (decision 0010). */
  route: string;
  /** observe: trace to pass on. */
  trace: TraceContext;
  /** deadline */
  deadline: Deadline;
  /** ipLimit: the client's address as quotas count it. */
  ipSubject: string;
  /** authenticate: undefined on public routes and on requests that it refused. */
  identity: Identity | undefined;
  /** rateLimit: charges what the request turns out to cost; undefined on public routes. */
  charge: RequestCharge | undefined;
  /** bodyLimit: reads the body, once, within its bounds, and undoes its Content-Encoding. */
  readBody: () => Promise<Uint8Array>;
  /** bodyLimit: called when the request needs so many bytes of memory in addition to its body. Throws when there are none. */
  holdMore: (bytes: number) => void;
  /** validate: the images of the request, in order; a refused one keeps its place. */
  images: readonly ImageItem[];
  /** readTensors: what a caller of /v2 wants inferred. */
  tensors: InferRequest;
  /** predict, infer: what the answer and its records are known by; undefined until a request got that far. */
  predictionId: string | undefined;
  /** chooseVariant: what serves the request. */
  choice: Choice;
}

export interface AppEnv {
  Variables: AppVariables;
}

export type AppContext = Context<AppEnv>;
export type Layer = MiddlewareHandler<AppEnv>;
export type RouteHandler = Handler<AppEnv>;

/** What travels with a call that this request makes. @throws HeadgateError when the request is over */
export function callContext(c: AppContext, variant: string | null = null): CallContext {
  const deadline = c.get('deadline');
  deadline.throwIfOver();
  return {
    requestId: c.get('requestId'),
    tenant: c.get('identity')?.keyId ?? null,
    trace: c.get('trace'),
    variant,
    deadline,
  };
}
