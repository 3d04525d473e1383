import type { Reason } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import * as examples from './openapi-examples.ts';
import {
  ANY,
  answer,
  BODY,
  MODEL,
  PROBLEM_SCHEMAS,
  paramsOf,
  predictHeaders,
  problemComponents,
  problems,
  REASON_TABLE,
  SHARED_HEADERS,
  type Shown,
} from './openapi-parts.ts';
import { codeSamples } from './openapi-samples.ts';
import { feedbackAnswerSchema, feedbackSchema } from './routes/feedback/schema.ts';
import { modelsAnswerSchema } from './routes/models/schema.ts';
import { predictAnswerSchema } from './routes/predict/schema.ts';
import { OPEN_INFERENCE_OPERATIONS } from './routes/v2/openapi.ts';

export type OpenApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>;

const image = z.string().openapi({ format: 'binary' });
/** The bytes of an image, whatever their format. */
const bytes = { schema: image, example: examples.BYTES_OF_A_PHOTO };
const predictBody = {
  required: true,
  content: {
    'multipart/form-data': {
      schema: z
        .object({ image: z.array(image).min(1).max(16) })
        .openapi({ description: 'One part for each image.' }),
      examples: examples.FORMS,
    },
    'image/jpeg': bytes,
    'image/png': bytes,
    'image/webp': bytes,
    'application/octet-stream': bytes,
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
  const { one, several, raw } = examples.PREDICTIONS;
  const shown: Shown = { examples: byVersion ? { raw } : { one, several } };
  return createRoute({
    'x-codeSamples': codeSamples('post', path, 'photo'),
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
      200: answer('At least one image was classified.', predictAnswerSchema, shown),
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
    'x-codeSamples': codeSamples('post', '/v1/feedback', { json: examples.FEEDBACK }),
    method: 'post',
    path: '/v1/feedback',
    operationId: 'giveFeedback',
    tags: ['feedback'],
    summary: 'Say what the right answer was; sending it again changes nothing',
    request: {
      body: {
        required: true,
        content: { 'application/json': { schema: feedbackSchema, examples: examples.FEEDBACKS } },
      },
    },
    responses: {
      202: answer('It is kept. Only feedback on predictions of the same key counts.', feedbackAnswerSchema, {
        example: examples.FEEDBACK_ACCEPTED,
      }),
      ...problems([...ANY, ...BODY, 'invalid_request', 'records_unavailable']),
    },
  }),
  createRoute({
    'x-codeSamples': codeSamples('get', '/v1/models'),
    method: 'get',
    path: '/v1/models',
    operationId: 'listModels',
    tags: ['models'],
    summary: 'List the served models, their versions and how traffic is split',
    responses: {
      200: answer('What is served.', modelsAnswerSchema, { example: examples.MODELS }),
      ...problems(ANY),
    },
  }),
];

const INTRODUCTION = `Image classification: authenticated, rate limited, split by weight between model versions.

Each operation has an example in curl, Python, Node and, where it helps, for a page in a browser. The examples read the address of the service
from \`API_URL\`, your API key from \`API_KEY\`, and \`photo.jpg\` and \`ca.crt\` in the current folder. \`ca.crt\` is the
authority of a certificate that is not public (of a development machine: \`state/tls/public/ca.crt\`). Leave it out where it is public.

## Errors

Each refusal is a problem body (RFC 9457): switch on \`reason\`, show \`detail\`, quote \`request_id\`. Under \`/v2\` it also has the member
\`error\`, as clients of the Open Inference Protocol expect. \`Retry-After\` says when to send it again.

${REASON_TABLE}`;

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
  for (const [name, schema] of Object.entries(PROBLEM_SCHEMAS)) registry.register(name, schema);
  const routes = [...ROUTES, ...OPEN_INFERENCE_OPERATIONS];
  const used = JSON.stringify(routes.map(({ responses }) => responses));
  for (const [name, response] of Object.entries(problemComponents())) {
    if (used.includes(`/${name}"`)) registry.registerComponent('responses', name, response as never);
  }
  for (const route of routes) registry.registerPath(route);
  return generator.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Headgate',
      version: '1',
      description: INTRODUCTION,
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
