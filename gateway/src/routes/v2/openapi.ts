import type { Reason } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { createRoute, z } from '@hono/zod-openapi';
import { INFERRED, INFERRED_BINARY, INFERS, OPEN_INFERENCE } from '../../openapi-examples.ts';
import {
  ANY,
  answer,
  BODY,
  MODEL,
  OPEN_INFERENCE_PROBLEM,
  paramsOf,
  predictHeaders,
  problems,
  QUOTA_HEADERS,
} from '../../openapi-parts.ts';
import { codeSamples } from '../../openapi-samples.ts';
import * as schema from './schema.ts';

const refusals = (...reasons: Reason[]) => problems([...ANY, ...reasons], OPEN_INFERENCE_PROBLEM);
const common = { tags: ['open inference'] };

/** What is answered with 200, and for which reasons else than those of any request. */
type Operation = readonly [
  path: string,
  operationId: string,
  summary: string,
  answered: z.ZodType,
  reasons: readonly Reason[],
];

/** Of one version, for all of a model, and of all models: the same body. */
const shown = (operationId: string) => ({
  example: OPEN_INFERENCE[operationId.replace('OfVersion', '').replace('allS', 'modelS')],
});

/** A GET; its path parameters follow from the path. */
function read([path, operationId, summary, answered, reasons]: Operation) {
  return createRoute({
    ...common,
    'x-codeSamples': codeSamples('get', path),
    method: 'get',
    path,
    operationId,
    summary,
    request: paramsOf(path),
    responses: { 200: answer(summary, answered, shown(operationId)), ...refusals(...reasons) },
  });
}

/** The same for the control version and for a named one. */
function readOfModel([end, operationId, summary, answered, reasons]: Operation) {
  const version: readonly Reason[] = [...reasons, 'unknown_version'];
  const one = `/v2/models/{model}/versions/{version}${end}`;
  return [
    read([`/v2/models/{model}${end}`, operationId, summary, answered, reasons]),
    read([one, `${operationId}OfVersion`, `${summary}, of one version`, answered, version]),
  ];
}

const raw = z.string().openapi({ format: 'binary' });
const JSON_BYTES = 'Bytes of JSON at the begin of the body, where raw blocks follow it.';
const WHOLE_NUMBER = /^[0-9]{1,10}$/;
const inferHeaders = predictHeaders.extend({
  [HEADER.inferenceHeaderLength]: z.string().regex(WHOLE_NUMBER).optional().describe(JSON_BYTES),
});
const BINARY = {
  summary: INFERS.binary.summary,
  value: `${JSON.stringify(INFERS.binary.value)}(4 bytes: the length of the photo)(bytes of photo.jpg)`,
};
const BINARY_ANSWER = `${JSON.stringify(INFERRED_BINARY)}(20 bytes: five FP32)`;
const inferBody = {
  required: true,
  content: {
    'application/json': { schema: schema.inferRequest, examples: { json: INFERS.json } },
    'application/octet-stream': { schema: raw, examples: { binary: BINARY } },
  },
};
const inferred = {
  200: {
    description: 'The outputs: in JSON, and behind it those that were asked for in binary.',
    headers: {
      ...QUOTA_HEADERS,
      [HEADER.inferenceHeaderLength]: {
        description: JSON_BYTES,
        schema: { type: 'string' as const, pattern: WHOLE_NUMBER.source },
      },
    },
    content: {
      'application/json': { schema: schema.inferAnswer, example: INFERRED },
      'application/octet-stream': { schema: raw, example: BINARY_ANSWER },
    },
  },
};
const INFER: readonly Reason[] = [
  ...MODEL,
  ...BODY,
  'invalid_tensor',
  'undecodable_image',
  'image_too_large',
];

function infer(path: string, operationId: string, summary: string) {
  const byVersion = path.includes('{version}');
  const reasons: Reason[] = byVersion ? ['scope_missing', 'unknown_version'] : [];
  const headers = byVersion ? inferHeaders.omit({ [HEADER.unit]: true }) : inferHeaders;
  return createRoute({
    ...common,
    'x-codeSamples': codeSamples('post', path, 'tensor'),
    method: 'post',
    path,
    operationId,
    summary,
    request: { ...paramsOf(path), headers, body: inferBody },
    responses: { ...inferred, ...refusals(...INFER, ...reasons) },
  });
}

/** A POST with a JSON body that may be absent. */
function control(sent: z.ZodType, [path, operationId, summary, answered, reasons]: Operation) {
  return createRoute({
    ...common,
    'x-codeSamples': codeSamples('post', path),
    method: 'post',
    path,
    operationId,
    summary,
    request: {
      ...paramsOf(path),
      body: { required: false, content: { 'application/json': { schema: sent, example: {} } } },
    },
    responses: {
      200: answer(summary, answered, shown(operationId)),
      ...refusals('scope_missing', 'upload_timeout', 'body_too_large', 'unavailable', ...reasons),
    },
  });
}

const ASKED: readonly Reason[] = ['unavailable', 'deadline_exceeded'];
const LOAD: readonly Reason[] = ['unknown_model', 'deadline_exceeded', 'model_control_off'];

/** What is documented of the routes under /v2. */
// biome-ignore format: one row reads as one operation
export const OPEN_INFERENCE_OPERATIONS = [
  read(['/v2', 'serverMetadata', 'Name, version and extensions of the server', schema.serverMetadata, ASKED]),
  read(['/v2/health/live', 'serverLive', 'Whether the server answers', schema.serverLive, []]),
  read(['/v2/health/ready', 'serverReady', 'Whether the default model answers; 503 when it does not', schema.serverReady, ['unavailable']]),
  ...readOfModel(['', 'modelMetadata', 'Tensors of a model', schema.modelMetadata, MODEL]),
  ...readOfModel(['/ready', 'modelReady', 'Whether a model answers; 503 when it does not', schema.modelReady, ['unknown_model', 'unavailable']]),
  ...readOfModel(['/config', 'modelConfig', "How a model is served, in Triton's words", schema.modelConfig, MODEL]),
  ...readOfModel(['/stats', 'modelStatistics', 'Counters of a model (role tester or admin)', schema.modelStatistics, [...MODEL, 'scope_missing']]),
  read(['/v2/models/stats', 'allStatistics', 'Counters of all models (role tester or admin)', schema.modelStatistics, [...ASKED, 'scope_missing']]),
  infer('/v2/models/{model}/infer', 'infer', 'Run a model on tensors'),
  infer('/v2/models/{model}/versions/{version}/infer', 'inferWithVersion', 'Run one version on tensors, outside of any experiment (role tester or admin)'),
  control(schema.repositoryIndexRequest, ['/v2/repository/index', 'repositoryIndex', 'List what the model repository holds (role tester or admin)', schema.repositoryIndex, ['deadline_exceeded']]),
  control(schema.modelControl, ['/v2/repository/models/{model}/load', 'loadModel', 'Load a model, or load it anew (role admin)', schema.done, [...LOAD, 'load_failed']]),
  control(schema.modelControl, ['/v2/repository/models/{model}/unload', 'unloadModel', 'Stop serving a model (role admin)', schema.done, LOAD]),
];
