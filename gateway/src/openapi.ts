import type { Reason } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import {
  ANY,
  answer,
  BODY,
  MODEL,
  paramsOf,
  predictHeaders,
  problems,
  SHARED_HEADERS,
} from './openapi-parts.ts';
import { feedbackAnswerSchema, feedbackSchema } from './routes/feedback/schema.ts';
import { modelsAnswerSchema } from './routes/models/schema.ts';
import { predictAnswerSchema } from './routes/predict/schema.ts';
import { OPEN_INFERENCE_OPERATIONS } from './routes/v2/openapi.ts';

export type OpenApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>;

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

/** Reasons that only requests with images have. */
const IMAGES: readonly Reason[] = [
  ...MODEL,
  ...BODY,
  'malformed_multipart',
  'too_many_images',
  'image_too_large',
  'undecodable_image',
];

function predictRoute(path: string, operationId: string, summary: string) {
  const byVersion = path.includes('{version}');
  const reasons: Reason[] = byVersion ? ['scope_missing', 'unknown_version'] : [];
  return createRoute({
    method: 'post',
    tags: ['predict'],
    path,
    operationId,
    summary,
    request: {
      ...paramsOf(path),
      headers: byVersion ? predictHeaders.omit({ [HEADER.unit]: true }) : predictHeaders,
      body: predictBody,
    },
    responses: {
      200: answer('At least one image was classified.', predictAnswerSchema),
      ...problems([...ANY, ...IMAGES, ...reasons]),
    },
  });
}

const ROUTES = [
  predictRoute('/predict', 'predict', 'Classify images with the default model'),
  predictRoute('/v1/models/{model}/predict', 'predictWithModel', 'Classify images with a model'),
  predictRoute(
    '/v1/models/{model}/versions/{version}/predict',
    'predictWithVersion',
    'Classify images with one version, outside of any experiment (role tester or admin)',
  ),
  createRoute({
    method: 'post',
    path: '/v1/feedback',
    operationId: 'giveFeedback',
    tags: ['feedback'],
    summary: 'Say what the right answer was; sending it again changes nothing',
    request: { body: { required: true, content: { 'application/json': { schema: feedbackSchema } } } },
    responses: {
      202: answer('It is kept. Only feedback on predictions of the same key counts.', feedbackAnswerSchema),
      ...problems([...ANY, ...BODY, 'invalid_request', 'records_unavailable']),
    },
  }),
  createRoute({
    method: 'get',
    path: '/v1/models',
    operationId: 'listModels',
    tags: ['models'],
    summary: 'List the served models, their versions and how traffic is split',
    responses: { 200: answer('What is served.', modelsAnswerSchema), ...problems(ANY) },
  }),
];

/** The public HTTP surface as an OpenAPI 3.1 document, generated from the schemas that type the handlers. */
export function openApiDocument(): OpenApiDocument {
  const generator = new OpenAPIHono();
  const { openAPIRegistry: registry } = generator;
  registry.registerComponent('securitySchemes', 'apiKey', {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
  });
  registry.registerComponent('securitySchemes', 'bearerToken', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'Where issuers are configured; see docs/access.md.',
  });
  for (const [name, header] of Object.entries(SHARED_HEADERS)) {
    registry.registerComponent('headers', name, header);
  }
  for (const route of [...ROUTES, ...OPEN_INFERENCE_OPERATIONS]) registry.registerPath(route);
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
    security: [{ apiKey: [] }, { bearerToken: [] }],
    tags: [
      { name: 'predict', description: 'Classify images.' },
      { name: 'feedback', description: 'Tell how good predictions were.' },
      { name: 'models', description: 'What is served.' },
      { name: 'open inference', description: 'Open Inference Protocol v2, and calls of Triton beside it.' },
    ],
  });
}
