import { REASONS, type Reason } from '@headgate/contracts/errors';
import { z } from '@hono/zod-openapi';

/** The answer of a prediction, as documented and as it is typed. */
const scoredLabel = z
  .object({
    label: z.string().openapi({ example: 'tiger cat' }),
    class_id: z.int().min(0).openapi({ example: 282 }),
    score: z.number().min(0).max(1).openapi({ example: 0.385 }),
  })
  .openapi('ScoredLabel');

const place = {
  index: z.int().min(0).describe('Position of the image in the request.'),
  filename: z.string().nullable().describe('File name of the part, without its path; null for a raw body.'),
};

export const reasonSchema = z.enum(Object.keys(REASONS) as [Reason, ...Reason[]]).openapi('Reason');

const succeeded = z
  .object({ ...place, top: z.array(scoredLabel).describe('Best first.') })
  .openapi('PredictedItem');

const failed = z
  .object({ ...place, error: z.object({ reason: reasonSchema, detail: z.string() }) })
  .openapi('FailedItem');

const ms = (what: string) => z.number().min(0).describe(`${what}, in ms.`);

export const predictAnswerSchema = z
  .object({
    id: z.uuid().describe('Id of the prediction (UUIDv7); feedback refers to it.'),
    model: z.string().openapi({ example: 'efficientnet-lite0' }),
    version: z.string().openapi({ example: '1' }),
    variant: z
      .string()
      .nullable()
      .describe('Variant of the experiment that answered; null when the path named a version.'),
    predictions: z
      .array(z.union([succeeded, failed]))
      .describe('One for each image, in the order of the request.'),
    timing_ms: z.object({
      total: ms('From the request to its answer'),
      upstream: ms('Until the last image was back from inference'),
      queue: ms('Longest wait of an image in the queue'),
      decode: ms('Longest decoding of an image'),
      run: ms('Longest run of the model'),
    }),
  })
  .openapi('Prediction');

export type PredictAnswer = z.infer<typeof predictAnswerSchema>;
export type PredictedItem = z.infer<typeof succeeded>;
export type FailedItem = z.infer<typeof failed>;
