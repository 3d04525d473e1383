import { z } from 'zod';
import { oidcSchema } from './oidc.ts';
import { rateLimitSchema } from './rate-limit.ts';
import { bytes, count, drain, group, ms, path } from './values.ts';

/** As a browser writes it in the header Origin. */
const origin = z
  .string()
  .refine(
    (text) => text === '*' || isOrigin(text),
    'expected an origin such as https://app.example.com, or *',
  );

function isOrigin(text: string): boolean {
  return /^https?:\/\/[a-z0-9.:[\]-]+$/.test(text) && URL.parse(text)?.origin === text;
}

export const gatewaySchema = group({
  keys_file: path.default('state/keys.yaml').describe('Hashed API keys (contracts/src/keys.ts).'),
  oidc: oidcSchema,
  docs_public: z.boolean().default(false).describe('Serves /openapi.json and /docs on the public port too.'),
  cors: group({
    origins: z
      .array(origin)
      .max(100)
      .default([])
      .describe(
        'Origins whose pages may call the API from a browser, such as https://app.example.com; * for all. Empty: none.',
      ),
    max_age_s: z
      .number()
      .int()
      .min(0)
      .max(86_400)
      .default(600)
      .describe('How long a browser remembers that an origin is allowed.'),
  }),
  deadline: group({
    default_ms: ms().default(10_000).describe('Budget of a request whose caller names none.'),
    max_ms: ms().default(30_000).describe('Ceiling of X-Headgate-Timeout-Ms.'),
  }),
  limits: group({
    body_bytes: bytes.default(10 * 2 ** 20).describe('Largest body of a request.'),
    image_pixels: count
      .default(40_000_000)
      .describe('Most pixels of an image, by its header, before any decode.'),
    image_frames: count
      .default(64)
      .describe('Frames of an animated PNG or WebP, of which the first one counts; 1 refuses animations.'),
    images_per_request: count.default(16).describe('Most images in one request.'),
    in_flight: count
      .default(512)
      .describe('Requests in progress. One caller may have as many as are free: alone, half of them.'),
    held_bytes: bytes
      .default(512 * 2 ** 20)
      .describe(
        'Bytes of bodies and tensors that requests in progress hold; the process needs up to three times as much memory.',
      ),
  }),
  drain: drain('Requests still running after that are cut.'),
  rate_limit: rateLimitSchema,
  upstream: group({
    target: z
      .string()
      .default('')
      .describe(
        'host:port, dns:///name:port or ip:port,ip:port of the inference pods; empty: the local inference process.',
      ),
    second_attempt: z
      .boolean()
      .default(true)
      .describe(
        'Sends a call that a pod lost to another pod, once. false where a service mesh in between does that already.',
      ),
  }),
});
