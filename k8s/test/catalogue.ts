import type { Scenario } from './scenario.ts';
import { prediction } from './scenarios/prediction.ts';

/** All scenarios, in the order of a run: those that only look come first, those that break nodes last. */
export const SCENARIOS: readonly Scenario[] = [prediction];
