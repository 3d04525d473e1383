import type { TelemetryConfig } from '@headgate/contracts/config/schema';
import type { SpanExporter } from '@opentelemetry/sdk-trace-node';

type TracingConfig = TelemetryConfig['tracing'];

export interface TracingOptions {
  /** `service.name` of every span. */
  readonly service: string;
  readonly version: string;
  readonly config: TracingConfig;
  /** Told where spans go when the configuration does not say. */
  readonly warn: (message: string) => void;
}

export interface Tracing {
  /** Sends what is still buffered and stops. Bounded by the exporter's own timeout; never rejects. */
  stop(): Promise<void>;
}

/** Spans wait at most so long before they are sent, and an export gives up after it, in ms. */
const EXPORT_DELAY_MS = 1_000;
const EXPORT_TIMEOUT_MS = 5_000;

/**
 * Registers the OpenTelemetry SDK behind `@opentelemetry/api`, with W3C propagation. With `exporter: none` no SDK
 * module is even loaded: spans are no-ops and trace ids travel all the same (trace-context.ts).
 */
export async function startTracing({ service, version, config, warn }: TracingOptions): Promise<Tracing> {
  if (config.exporter === 'none') return { stop: async () => {} };
  if (config.endpoint === '') {
    const place = config.exporter === 'zipkin' ? 'port 9411' : 'OTEL_EXPORTER_OTLP_ENDPOINT, or port 4318';
    warn(`telemetry.tracing.endpoint is not set: spans go to ${place} of this machine`);
  }
  const [sdk, { resourceFromAttributes }, exporter] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/resources'),
    loadExporter(config),
  ]);
  const provider = new sdk.NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.version': version }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(config.sample_ratio) }),
    spanProcessors: [
      new sdk.BatchSpanProcessor(exporter, {
        scheduledDelayMillis: EXPORT_DELAY_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  provider.register();
  return { stop: () => provider.shutdown().catch(() => {}) };
}

async function loadExporter(config: TracingConfig): Promise<SpanExporter> {
  const url = config.endpoint === '' ? {} : { url: config.endpoint };
  const headers = config.authorization === '' ? {} : { headers: { Authorization: config.authorization } };
  if (config.exporter === 'zipkin') {
    const { ZipkinExporter } = await import('@opentelemetry/exporter-zipkin');
    return new ZipkinExporter({ ...url, ...headers });
  }
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  return new OTLPTraceExporter({ ...url, ...headers, timeoutMillis: EXPORT_TIMEOUT_MS });
}
