import { MAX_REWARD } from '@headgate/contracts/records';
import { z } from '@hono/zod-openapi';

/** What a caller says about one of its predictions. Unknown members are refused: a typo must not be lost in silence. */
export const feedbackSchema = z
  .strictObject({
    prediction_id: z.uuidv7().describe('The `id` of the answer.'),
    index: z.int().min(0).max(1023).default(0).describe('Position of the image in its request.'),
    label: z.string().min(1).max(256).optional().describe('Name of the right class.'),
    class_id: z.int().min(0).max(2_147_483_647).optional().describe('Number of the right class.'),
    reward: z
      .number()
      .min(-MAX_REWARD)
      .max(MAX_REWARD)
      .optional()
      .describe('What the answer was worth to you, as a number; more is better.'),
  })
  .refine(
    ({ label, class_id, reward }) => label !== undefined || class_id !== undefined || reward !== undefined,
    'expected label, class_id or reward',
  )
  .openapi('Feedback');

export const feedbackAnswerSchema = z
  .object({ prediction_id: z.uuidv7(), index: z.int().min(0) })
  .openapi('FeedbackAccepted');

export type FeedbackAnswer = z.infer<typeof feedbackAnswerSchema>;
