import { DATATYPES } from '@headgate/contracts/manifest';
import { z } from '@hono/zod-openapi';

/** Bodies of the Open Inference Protocol as documented. Requests are read by infer-request.ts, without a copy. */

const parameters = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
  .openapi('Parameters', { description: 'Values by name.' });

const tensorShape = z.array(z.int()).max(8);

const tensor = {
  name: z.string().openapi({ example: 'image' }),
  datatype: z.enum(DATATYPES).openapi({ example: 'BYTES' }),
  shape: tensorShape.openapi({ example: [1] }),
};

const data = z
  .array(z.unknown())
  .describe('Values in row-major order, flat or nested as the shape says; absent where they are binary.')
  .openapi({ type: 'array' });

export const inferRequest = z
  .object({
    id: z.string().optional().describe('Echoed in the answer.'),
    parameters: parameters
      .optional()
      .describe('`timeout` in µs; `binary_data_output`: answer all outputs in binary.'),
    inputs: z
      .array(
        z.object({
          ...tensor,
          parameters: parameters
            .optional()
            .describe(
              '`binary_data_size`: bytes of the raw block; `content_type: base64`: BYTES in JSON are base64.',
            ),
          data: data.optional(),
        }),
      )
      .min(1),
    outputs: z
      .array(
        z.object({
          name: z.string(),
          parameters: parameters.optional().describe('`binary_data`: answer this output in binary.'),
        }),
      )
      .optional()
      .describe('All outputs when absent or empty.'),
  })
  .openapi('InferRequest');

export const inferAnswer = z
  .object({
    model_name: z.string(),
    model_version: z.string(),
    id: z.string().describe('As in the request; the prediction id where the request has none.'),
    parameters: parameters.describe(
      '`queue_ms`, `decode_ms`, `run_ms`, `engine_ms`, `batch_size`, `prediction_id`, and `variant` in an experiment.',
    ),
    outputs: z.array(z.object({ ...tensor, parameters: parameters.optional(), data: data.optional() })),
  })
  .openapi('InferAnswer');

export const serverMetadata = z
  .object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) })
  .openapi('ServerMetadata');

const tensorMetadata = z
  .object({
    name: z.string(),
    datatype: z.enum(DATATYPES),
    shape: tensorShape.describe('-1 is a variable dimension.'),
  })
  .openapi('TensorMetadata');

export const modelMetadata = z
  .object({
    name: z.string(),
    versions: z.array(z.string()),
    platform: z.string().openapi({ example: 'onnxruntime_onnx/cpu' }),
    inputs: z.array(tensorMetadata),
    outputs: z.array(tensorMetadata),
  })
  .openapi('ModelMetadata');

export const serverLive = z.object({ live: z.boolean() }).openapi('ServerLive');
export const serverReady = z
  .object({ live: z.boolean(), ready: z.boolean() })
  .openapi('ServerReady', { description: 'The protocol names the member `live`; clients read `ready` too.' });
export const modelReady = z
  .object({ name: z.string(), version: z.string(), ready: z.boolean() })
  .openapi('ModelReady');

export const modelConfig = z
  .looseObject({ name: z.string(), platform: z.string(), max_batch_size: z.int() })
  .openapi('ModelConfig', { description: 'ModelConfig of protos/inference/model_config.proto.' });

export const modelStatistics = z
  .object({ model_stats: z.array(z.looseObject({ name: z.string(), version: z.string() })) })
  .openapi('ModelStatistics', { description: 'ModelStatistics of protos/inference/grpc_service.proto.' });

export const repositoryIndexRequest = z
  .object({ ready: z.boolean().optional().describe('Only versions that are ready.') })
  .openapi('RepositoryIndexRequest');

export const repositoryIndex = z
  .array(
    z.object({
      name: z.string(),
      version: z.string(),
      state: z.string().describe('READY, LOADING, UNLOADING or UNAVAILABLE.'),
      reason: z.string().describe('Why it is not ready; empty otherwise.'),
    }),
  )
  .openapi('RepositoryIndex');

export const modelControl = z
  .object({
    parameters: parameters.optional().describe('`config`: JSON text that may hold `version_policy`.'),
  })
  .openapi('ModelControl');

export const done = z.object({}).openapi('Done');
