import { REASONS, type Reason } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { modelsAnswerSchema } from './routes/models/schema.ts';
import { predictAnswerSchema, reasonSchema } from './routes/predict/schema.ts';

type Responses = Parameters<typeof createRoute>[0]['responses'];
export type OpenApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>;

const problemSchema = z
  .object({
    type: z.string().openapi({ example: 'urn:headgate:problem:rate_limited' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What is wrong with this request, and what to do.'),
    reason: reasonSchema,
    request_id: z.string().describe('The same as the header X-Request-Id of the answer.'),
  })
  .openapi('Problem', { description: 'RFC 9457 problem body. `reason` is the member to switch on.' });

const name = (example: string) => z.string().openapi({ example });
const params = {
  model: z.object({ model: name('efficientnet-lite0') }),
  version: z.object({ model: name('efficientnet-lite0'), version: name('1') }),
};

const predictHeaders = z.object({
  [HEADER.unit]: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/)
    .optional()
    .describe('Stable unit of the experiment, such as a user or a device; the API key when absent.'),
  [HEADER.timeoutMs]: z
    .string()
    .regex(/^[1-9][0-9]{0,8}$/)
    .optional()
    .describe('Time budget in ms; capped.'),
});

const image = z.string().openapi({ format: 'binary' });
const predictBody = {
  required: true,
  content: {
    'multipart/form-data': {
      schema: z
        .object({ image: z.array(image).min(1).max(16) })
        .openapi({ description: 'One part for each image.' }),
    },
    'image/jpeg': { schema: image },
    'image/png': { schema: image },
    'image/webp': { schema: image },
    'application/octet-stream': { schema: image },
  },
};

/** Reasons for which any request can be refused, and those that only images have. */
const ANY: readonly Reason[] = [
  'invalid_request',
  'missing_credential',
  'invalid_token',
  'wrong_key',
  'rate_limited',
  'headers_too_large',
  'internal',
  'overloaded',
];
const IMAGES: readonly Reason[] = [
  'empty_body',
  'malformed_multipart',
  'too_many_images',
  'unknown_model',
  'upload_timeout',
  'body_too_large',
  'image_too_large',
  'unsupported_media_type',
  'undecodable_image',
  'unavailable',
  'deadline_exceeded',
];

/** Problem answers, one for each status, naming the reasons that it can have. */
function problems(...reasons: Reason[]): Responses {
  const byStatus = Object.groupBy(reasons, (reason) => REASONS[reason].http);
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, group = []]) => [
      status,
      {
        description: group.map((reason) => `${reason}: ${REASONS[reason].title}`).join('; '),
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  );
}

const answer = (description: string, schema: z.ZodType) => ({
  description,
  content: { 'application/json': { schema } },
});

const prediction = { 200: answer('At least one image was classified.', predictAnswerSchema) };
const predictRoute = {
  method: 'post' as const,
  tags: ['predict'],
  responses: { ...prediction, ...problems(...ANY, ...IMAGES) },
};

const ROUTES = [
  createRoute({
    ...predictRoute,
    path: '/predict',
    operationId: 'predict',
    summary: 'Classify images with the default model',
    request: { headers: predictHeaders, body: predictBody },
  }),
  createRoute({
    ...predictRoute,
    path: '/v1/models/{model}/predict',
    operationId: 'predictWithModel',
    summary: 'Classify images with a model',
    request: { params: params.model, headers: predictHeaders, body: predictBody },
  }),
  createRoute({
    ...predictRoute,
    path: '/v1/models/{model}/versions/{version}/predict',
    operationId: 'predictWithVersion',
    summary: 'Classify images with one version, outside of any experiment (role tester or admin)',
    request: {
      params: params.version,
      headers: predictHeaders.pick({ [HEADER.timeoutMs]: true }),
      body: predictBody,
    },
    responses: { ...prediction, ...problems(...ANY, ...IMAGES, 'scope_missing', 'unknown_version') },
  }),
  createRoute({
    method: 'get',
    path: '/v1/models',
    operationId: 'listModels',
    tags: ['models'],
    summary: 'List the served models, their versions and how traffic is split',
    responses: { 200: answer('What is served.', modelsAnswerSchema), ...problems(...ANY) },
  }),
];

/** The public HTTP surface as an OpenAPI 3.1 document, generated from the schemas that type the handlers. */
export function openApiDocument(): OpenApiDocument {
  const generator = new OpenAPIHono();
  generator.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
  });
  for (const route of ROUTES) generator.openAPIRegistry.registerPath(route);
  return generator.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Headgate',
      version: '1',
      description:
        'Image classification: authenticated, rate limited, split by weight between model versions.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/', description: 'This gateway' }],
    security: [{ apiKey: [] }],
    tags: [
      { name: 'predict', description: 'Classify images.' },
      { name: 'models', description: 'What is served.' },
    ],
  });
}
