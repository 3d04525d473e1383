import { z } from '@hono/zod-openapi';

const version = z
  .object({
    version: z.string().openapi({ example: '1' }),
    ready: z.boolean().describe('True while every inference endpoint serves it.'),
  })
  .openapi('ModelVersion');

const variant = z
  .object({
    name: z.string().openapi({ example: 'fp32' }),
    version: z.string().openapi({ example: '1' }),
    weight: z.number().min(0).max(100).describe('Share of the units, in percent.'),
  })
  .openapi('Variant');

const model = z
  .object({
    name: z.string().openapi({ example: 'efficientnet-lite0' }),
    versions: z.array(version),
    experiment: z.object({
      name: z.string(),
      variants: z.array(variant).describe('The first one is the control.'),
    }),
  })
  .openapi('Model');

export const modelsAnswerSchema = z
  .object({
    default_model: z
      .string()
      .nullable()
      .describe('Model that answers POST /predict; null where the credential may not use it.'),
    models: z.array(model),
  })
  .openapi('Models');

export type ModelsAnswer = z.infer<typeof modelsAnswerSchema>;
