import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import { systemClock } from '@headgate/runtime/clock';
import { ConfigError } from '@headgate/runtime/load-config';
import type { Logger } from '@headgate/runtime/logger';
import { readRegularFileSync } from '@headgate/runtime/read-file';
import { WINDOW_MS } from './queue-time.ts';

/** Metrics of this name are served for any namespace. */
export const QUEUE_METRIC = 'headgate_queue_seconds';

export interface MetricsApiOptions {
  /** Holds tls.crt and tls.key; a new pair is taken within a minute. */
  readonly tlsDir: string;
  readonly host: string;
  readonly port: number;
  /** Mean wait in the queues of a model, or of all; undefined without fresh figures. */
  readonly queueSeconds: (model: string | undefined) => number | undefined;
  readonly logger: Pick<Logger, 'info' | 'error'>;
}

const GROUP = 'external.metrics.k8s.io';
const ROOT = `/apis/${GROUP}/v1beta1`;
const RENEW_MS = 60_000;

interface Answer {
  readonly status: number;
  readonly body: object;
}

/**
 * Answers the API group external.metrics.k8s.io to the API server's aggregator, for HorizontalPodAutoscalers. It trusts
 * no caller and shows one harmless figure, so callers prove nothing (decision 0089).
 *
 * @throws ConfigError when the certificate cannot be read
 */
export async function startMetricsApi(
  options: MetricsApiOptions,
): Promise<{ port: number; stop(): Promise<void> }> {
  const { tlsDir, host, port, logger } = options;
  const server = createServer(pairIn(tlsDir), (request, response) => {
    const { status, body } = answerTo(request.method ?? '', request.url ?? '', options);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(port, host);
  await once(server, 'listening');
  const timer = setInterval(() => renew(server, options), RENEW_MS).unref();
  const address = server.address();
  logger.info({ port }, 'external metrics are answered');
  return {
    port: typeof address === 'object' && address ? address.port : port,
    async stop() {
      clearInterval(timer);
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The three routes: resources of the group, a metric, and everything else. */
export function answerTo(
  method: string,
  url: string,
  { queueSeconds }: Pick<MetricsApiOptions, 'queueSeconds'>,
): Answer {
  if (method !== 'GET') return failure(405, 'MethodNotAllowed', 'external metrics are read only');
  const { pathname, searchParams } = new URL(url, 'https://control');
  if (pathname === ROOT) return { status: 200, body: RESOURCES };
  const [, name] =
    /^\/apis\/external\.metrics\.k8s\.io\/v1beta1\/namespaces\/[^/]+\/([^/]+)$/.exec(pathname) ?? [];
  if (name !== QUEUE_METRIC) return failure(404, 'NotFound', `only ${QUEUE_METRIC} is there`);
  const selector = searchParams.get('labelSelector') ?? '';
  const [isKnown, model] = /^(?:model==?([A-Za-z0-9._-]+))?$/.exec(selector) ?? [];
  if (isKnown === undefined) return failure(400, 'BadRequest', 'expected no selector, or model=NAME');
  const seconds = queueSeconds(model);
  // Not zero: an autoscaler keeps its number of pods when a metric is missing.
  if (seconds === undefined)
    return failure(503, 'ServiceUnavailable', 'no fresh figures of the inference pods');
  const item = {
    metricName: QUEUE_METRIC,
    metricLabels: model === undefined ? {} : { model },
    timestamp: new Date(systemClock.epochMs()).toISOString().replace(/\.\d+Z$/, 'Z'),
    window: WINDOW_MS / 1000,
    value: `${Math.round(seconds * 1000)}m`,
  };
  const body = {
    kind: 'ExternalMetricValueList',
    apiVersion: `${GROUP}/v1beta1`,
    metadata: {},
    items: [item],
  };
  return { status: 200, body };
}

const RESOURCES = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: `${GROUP}/v1beta1`,
  resources: [
    {
      name: QUEUE_METRIC,
      singularName: '',
      namespaced: true,
      kind: 'ExternalMetricValueList',
      verbs: ['get'],
    },
  ],
};

function failure(code: number, reason: string, message: string): Answer {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
  return { status: code, body: status };
}

const MAX_PEM_BYTES = 2 ** 18;

function pairIn(dir: string): { cert: Buffer; key: Buffer } {
  const read = (name: string) => readRegularFileSync(join(dir, name), { maxBytes: MAX_PEM_BYTES });
  try {
    return { cert: read('tls.crt'), key: read('tls.key') };
  } catch (cause) {
    throw new ConfigError(`control.metrics_tls_dir: expected tls.crt and tls.key in ${dir}`, { cause });
  }
}

/** Connections in progress keep the pair that they began with. */
function renew(server: Server, { tlsDir, logger }: MetricsApiOptions): void {
  try {
    server.setSecureContext(pairIn(tlsDir));
  } catch (err) {
    logger.error({ err }, 'the certificate of external metrics cannot be read; the last one stays');
  }
}
