import { z } from 'zod';
import { group, secret } from './values.ts';

export const telemetrySchema = group({
  log_level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  success_ratio: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Share of traces whose successful requests are logged; refusals and failures always are.'),
  tracing: group({
    exporter: z
      .enum(['none', 'otlp', 'zipkin'])
      .default('none')
      .describe('none: no SDK is loaded; trace ids still travel.'),
    endpoint: z
      .string()
      .refine(
        (url) => url === '' || (/^https?:\/\//.test(url) && URL.canParse(url)),
        'expected an http or https address, or nothing',
      )
      .default('')
      .describe('URL of the collector.'),
    sample_ratio: z
      .number()
      .min(0)
      .max(1)
      .default(0.01)
      .describe("Share of new traces that are sampled; a caller's decision is honoured."),
    authorization: secret('Value of an Authorization header for the collector.', { inHeader: true }),
  }),
});
