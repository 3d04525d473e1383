import type { Reason } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { createRoute, z } from '@hono/zod-openapi';
import {
  ANY,
  answer,
  BODY,
  MODEL,
  OPEN_INFERENCE_PROBLEM,
  params,
  predictHeaders,
  problems,
  QUOTA_HEADERS,
} from '../../openapi-parts.ts';
import * as schema from './schema.ts';

const refusals = (...reasons: Reason[]) => problems([...ANY, ...reasons], OPEN_INFERENCE_PROBLEM);
const common = { tags: ['open inference'] };

interface Read {
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly answered: z.ZodType;
  readonly reasons?: readonly Reason[];
}

/** A GET; its path parameters follow from the path. */
function read({ path, operationId, summary, answered, reasons = [] }: Read) {
  return createRoute({
    ...common,
    method: 'get',
    path,
    operationId,
    summary,
    request: paramsOf(path),
    responses: { 200: answer(summary, answered), ...refusals(...reasons) },
  });
}

function paramsOf(path: string): { params?: z.ZodObject } {
  if (path.includes('{version}')) return { params: params.version };
  return path.includes('{model}') ? { params: params.model } : {};
}

/** The same for the control version and for a named one. */
function readOfModel(operation: Omit<Read, 'path'> & { readonly end: string }) {
  const { end, operationId, summary, ...rest } = operation;
  return [
    read({ ...rest, path: `/v2/models/{model}${end}`, operationId, summary }),
    read({
      ...rest,
      path: `/v2/models/{model}/versions/{version}${end}`,
      operationId: `${operationId}OfVersion`,
      summary: `${summary}, of one version`,
      reasons: [...(rest.reasons ?? []), 'unknown_version'],
    }),
  ];
}

const raw = z.string().openapi({ format: 'binary' });
const frameHeader = z
  .string()
  .regex(/^[0-9]{1,10}$/)
  .optional()
  .describe('Bytes of JSON at the begin of the body, where raw blocks follow it.');
const inferHeaders = predictHeaders.extend({
  [HEADER.inferenceHeaderLength]: frameHeader,
  'content-encoding': z.enum(['gzip', 'deflate']).optional().describe('How the body is compressed.'),
});
const inferBody = {
  required: true,
  content: {
    'application/json': { schema: schema.inferRequestSchema },
    'application/octet-stream': { schema: raw },
  },
};
const inferred = {
  200: {
    description: 'The outputs: in JSON, and behind it those that were asked for in binary.',
    headers: {
      ...QUOTA_HEADERS,
      [HEADER.inferenceHeaderLength]: {
        description: 'Bytes of JSON at the begin of the body, where raw blocks follow it.',
        schema: { type: 'string' as const, pattern: '^[0-9]{1,10}$' },
      },
    },
    content: {
      'application/json': { schema: schema.inferAnswerSchema },
      'application/octet-stream': { schema: raw },
    },
  },
};
const INFER: readonly Reason[] = [
  ...MODEL,
  ...BODY,
  'invalid_tensor',
  'unsupported_media_type',
  'undecodable_image',
  'image_too_large',
];

const INFER_OPERATIONS = [
  createRoute({
    ...common,
    method: 'post',
    path: '/v2/models/{model}/infer',
    operationId: 'infer',
    summary: 'Run a model on tensors',
    request: { params: params.model, headers: inferHeaders, body: inferBody },
    responses: { ...inferred, ...refusals(...INFER) },
  }),
  createRoute({
    ...common,
    method: 'post',
    path: '/v2/models/{model}/versions/{version}/infer',
    operationId: 'inferWithVersion',
    summary: 'Run one version on tensors, outside of any experiment (role tester or admin)',
    request: {
      params: params.version,
      headers: inferHeaders.omit({ [HEADER.unit]: true }),
      body: inferBody,
    },
    responses: { ...inferred, ...refusals(...INFER, 'scope_missing', 'unknown_version') },
  }),
];

interface Control {
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly sent: z.ZodType;
  readonly answered: z.ZodType;
  readonly reasons: readonly Reason[];
}

function control({ path, operationId, summary, sent, answered, reasons }: Control) {
  return createRoute({
    ...common,
    method: 'post',
    path,
    operationId,
    summary,
    request: {
      ...paramsOf(path),
      body: { required: false, content: { 'application/json': { schema: sent } } },
    },
    responses: {
      200: answer(summary, answered),
      ...refusals('scope_missing', 'upload_timeout', 'body_too_large', 'unavailable', ...reasons),
    },
  });
}

const LOAD: readonly Reason[] = ['unknown_model', 'deadline_exceeded', 'model_control_off'];

const CONTROL_OPERATIONS = [
  control({
    path: '/v2/repository/index',
    operationId: 'repositoryIndex',
    summary: 'List what the model repository holds (role tester or admin)',
    sent: schema.repositoryIndexRequestSchema,
    answered: schema.repositoryIndexSchema,
    reasons: ['deadline_exceeded'],
  }),
  control({
    path: '/v2/repository/models/{model}/load',
    operationId: 'loadModel',
    summary: 'Load a model, or load it anew (role admin)',
    sent: schema.modelControlSchema,
    answered: schema.doneSchema,
    reasons: [...LOAD, 'load_failed'],
  }),
  control({
    path: '/v2/repository/models/{model}/unload',
    operationId: 'unloadModel',
    summary: 'Stop serving a model (role admin)',
    sent: schema.modelControlSchema,
    answered: schema.doneSchema,
    reasons: LOAD,
  }),
];

/** What is documented of the routes under /v2. */
export const OPEN_INFERENCE_OPERATIONS = [
  read({
    path: '/v2',
    operationId: 'serverMetadata',
    summary: 'Name, version and extensions of the server',
    answered: schema.serverMetadataSchema,
    reasons: ['unavailable', 'deadline_exceeded'],
  }),
  read({
    path: '/v2/health/live',
    operationId: 'serverLive',
    summary: 'Whether the server answers',
    answered: schema.serverLiveSchema,
  }),
  read({
    path: '/v2/health/ready',
    operationId: 'serverReady',
    summary: 'Whether the default model answers; 503 when it does not',
    answered: schema.serverReadySchema,
    reasons: ['unavailable'],
  }),
  ...readOfModel({
    end: '',
    operationId: 'modelMetadata',
    summary: 'Tensors of a model',
    answered: schema.modelMetadataSchema,
    reasons: MODEL,
  }),
  ...readOfModel({
    end: '/ready',
    operationId: 'modelReady',
    summary: 'Whether a model answers; 503 when it does not',
    answered: schema.modelReadySchema,
    reasons: ['unknown_model', 'unavailable'],
  }),
  ...readOfModel({
    end: '/config',
    operationId: 'modelConfig',
    summary: "How a model is served, in Triton's words",
    answered: schema.modelConfigSchema,
    reasons: MODEL,
  }),
  ...readOfModel({
    end: '/stats',
    operationId: 'modelStatistics',
    summary: 'Counters of a model (role tester or admin)',
    answered: schema.modelStatisticsSchema,
    reasons: [...MODEL, 'scope_missing'],
  }),
  read({
    path: '/v2/models/stats',
    operationId: 'allStatistics',
    summary: 'Counters of all models (role tester or admin)',
    answered: schema.modelStatisticsSchema,
    reasons: ['unavailable', 'deadline_exceeded', 'scope_missing'],
  }),
  ...INFER_OPERATIONS,
  ...CONTROL_OPERATIONS,
];
