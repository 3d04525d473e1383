import type { Reason } from '@headgate/contracts/errors';
import type { PredictAnswer } from '../routes/predict/schema.ts';

/** The reason in a problem body. */
export async function reasonOf(response: Response): Promise<Reason> {
  return ((await response.json()) as { reason: Reason }).reason;
}

/** The answer of a prediction. */
export async function answerOf(response: Response): Promise<PredictAnswer> {
  return (await response.json()) as PredictAnswer;
}

/** A problem as it is answered under /v2. */
export async function problemOf(response: Response): Promise<{ reason: Reason; error: string }> {
  return (await response.json()) as { reason: Reason; error: string };
}
