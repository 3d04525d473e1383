import { Hono } from 'hono';
import { readBody } from './body/read-body.ts';
import type { AppEnv, Layer } from './context.ts';
import type { AppDeps, OnAnswered } from './deps.ts';
import { methodNotAllowed, notFound, onError } from './errors.ts';
import { audit } from './middleware/audit.ts';
import { authenticate } from './middleware/authenticate.ts';
import { authorize, mayNameVersion } from './middleware/authorize.ts';
import { bodyLimit } from './middleware/body-limit.ts';
import { crossOrigin, refusePreflight } from './middleware/cross-origin.ts';
import { deadline } from './middleware/deadline.ts';
import { ipLimit } from './middleware/ip-limit.ts';
import { observe } from './middleware/observe.ts';
import { rateLimit } from './middleware/rate-limit.ts';
import { requestId } from './middleware/request-id.ts';
import { wellFormed } from './middleware/well-formed.ts';
import { createQuotas } from './rate-limit/quotas.ts';
import { DOCS_PATHS, docsRoutes } from './routes/docs/docs.ts';
import { feedback } from './routes/feedback/feedback.ts';
import { listModels } from './routes/models/list-models.ts';
import { chargeImages } from './routes/predict/charge-images.ts';
import { chooseVariant, chooseVersion } from './routes/predict/choose-variant.ts';
import { predict } from './routes/predict/predict.ts';
import { shed } from './routes/predict/shed.ts';
import { validate } from './routes/predict/validate.ts';
import { type Route, scopesOf } from './routes/route.ts';
import { createSettle } from './routes/settle.ts';
import { openInferenceRoutes } from './routes/v2/routes.ts';
import { mirror } from './shadow/mirror.ts';
import { Shares } from './shares.ts';
import { createThrottle, SHEDDING } from './shedding/throttle.ts';

/**
 * The public HTTP surface on Web-standard Request and Response, for any fetch host. Holds no state outside of `deps`
 * and of what it returns.
 */
export function createApp(deps: AppDeps): Hono<AppEnv> {
  const { config, keys, telemetry, clock } = deps;
  const quotas = createQuotas({ limiter: deps.limiter, telemetry, limits: config.rate_limit });
  const publicPaths = new Set(config.docs_public ? DOCS_PATHS : []);

  const slots = new Shares(config.limits.in_flight);
  const heldBytes = new Shares(config.limits.held_bytes);
  const onAnswered: OnAnswered = deps.onAnswered ?? ((_env, then) => then());
  const throttle = createThrottle({ ...SHEDDING, clock, random: deps.random ?? Math.random });
  const unlessOverloaded = shed({ throttle, telemetry });
  const images = validate(config.limits);
  const sending = {
    settle: createSettle({ ...deps, throttle }),
    sketch: deps.recorder?.wantsSketches ?? false,
    clock,
  };
  const shadow = deps.shadows && mirror({ queue: deps.shadows, throttle, slots, heldBytes, onAnswered });
  const answer = predict({ ...sending, predictor: deps.predictor, shadow });
  const charged = [unlessOverloaded, images, chargeImages(), answer];
  const byUnit = [chooseVariant(deps), ...charged];
  const byVersion = [mayNameVersion(), chooseVersion(deps), ...charged];

  const routes: Route[] = [
    ['POST', '/predict', 'predict', byUnit],
    ['POST', '/v1/models/:model/predict', 'predict', byUnit],
    ['POST', '/v1/models/:model/versions/:version/predict', 'predict', byVersion],
    ['POST', '/v1/feedback', 'feedback', [feedback(deps)]],
    ['GET', '/v1/models', 'read', [listModels(deps)]],
    ...openInferenceRoutes(deps, { ...sending, unlessOverloaded }),
    ...(config.docs_public ? docsRoutes(deps.docsScript) : []),
  ];

  // The onion, outermost first. Identity and quota are settled before a byte of the body is read.
  const onion: Layer[] = [
    requestId(),
    observe({ telemetry, clock, draining: deps.draining }),
    audit({ sink: deps.audit, clock }),
    crossOrigin(config.cors),
    deadline({ ...config.deadline, clock }),
    ipLimit({ quotas, clientIp: deps.clientIp, publicPaths }),
    wellFormed({ quotas }),
    refusePreflight({ quotas }),
    authenticate({ keys, tokens: deps.tokens, quotas, telemetry, clock, publicPaths }),
    rateLimit({ quotas, scopeOf: scopesOf(routes) }),
    bodyLimit({
      body_bytes: config.limits.body_bytes,
      slots,
      heldBytes,
      readBody: deps.readBody ?? readBody,
      onAnswered,
      telemetry,
    }),
  ];

  const app = new Hono<AppEnv>();
  app.use(...onion);
  for (const [method, path, scope, handlers] of routes) {
    app.on([method], [path], ...(scope === null ? handlers : [authorize(scope), ...handlers]));
    app.all(path, methodNotAllowed(method === 'GET' ? ['GET', 'HEAD'] : [method]));
  }
  app.notFound(notFound);
  app.onError(onError);
  return app;
}
