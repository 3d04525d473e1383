import type { Evidence, Rollout } from './rollout.ts';

/** True while the rollout may still change weights. In a file without zod, for the browser. */
export function isActive({ state }: { readonly state: Pick<Rollout['state'], 'kind'> }): boolean {
  return state.kind !== 'rolled_back' && state.kind !== 'promoted';
}

/** False for a candidate that never got ready. */
export function hadUnits({ transitions }: Pick<Rollout, 'transitions'>): boolean {
  return transitions.some(({ to }) => to.kind === 'running');
}

/** What the samples of a guardrail are. */
export function sampleOf({ metric }: Pick<Evidence, 'metric'>): 'request' | 'unit' {
  return metric === 'error_rate' || metric.endsWith('_ms') ? 'request' : 'unit';
}
