import type { Deadline } from '../../deadline.ts';
import { encodeAnswer } from './infer-answer.ts';
import { readInferRequest } from './infer-request.ts';
import { type Body, frameOf } from './read-tensors.ts';

/**
 * The steps of a call whose time grows with its JSON: 4 MiB take 0.2 s. Nothing but values goes in and comes out, so that
 * a step can run on another thread.
 */
const JSON_STEPS = {
  read: (body: Body) => readInferRequest(frameOf(body)),
  encode: encodeAnswer,
};

type JsonSteps = typeof JSON_STEPS;
export type JsonStep = keyof JsonSteps;
export type InputOf<S extends JsonStep> = Parameters<JsonSteps[S]>[0];
export type OutputOf<S extends JsonStep> = ReturnType<JsonSteps[S]>;

/** Whom a step is done for. */
export interface JsonCall {
  /** How much JSON there is, about. */
  readonly bytes: number;
  /** Callers take turns. */
  readonly caller: string;
  readonly deadline: Deadline;
}

/** Does a step. @throws HeadgateError what the step throws, or why the deadline is over */
export type JsonWork = <S extends JsonStep>(
  step: S,
  input: InputOf<S>,
  call: JsonCall,
) => Promise<OutputOf<S>>;

/** The step at once, whatever its size. */
export function doStep<S extends JsonStep>(step: S, input: InputOf<S>): OutputOf<S> {
  return (JSON_STEPS[step] as (input: InputOf<S>) => OutputOf<S>)(input);
}

/** For hosts without threads. */
export const jsonHere: JsonWork = async (step, input) => doStep(step, input);
