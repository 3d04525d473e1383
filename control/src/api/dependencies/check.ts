import type { DependencyView } from '@headgate/contracts/admin/api';

/** What a check found; `remedy` says what to do, and is empty when nothing is to be done. */
export type Finding = Pick<DependencyView, 'state' | 'detail' | 'remedy'>;

export interface Check {
  readonly name: string;
  /** @throws what is then shown as down */
  readonly find: (signal: AbortSignal) => Promise<Finding> | Finding;
  /** What to do when it throws, or does not answer in time. */
  readonly remedy: string;
  /** What it means that there is no answer in time; absent, or undefined: it is down. */
  readonly late?: () => Finding | undefined;
}

export const ok = (detail: string): Finding => ({ state: 'ok', detail, remedy: '' });
export const off = (detail: string): Finding => ({ state: 'off', detail, remedy: '' });
export const starting = (detail: string, remedy: string): Finding => ({ state: 'starting', detail, remedy });
export const degraded = (detail: string, remedy: string): Finding => ({ state: 'degraded', detail, remedy });
export const down = (detail: string, remedy: string): Finding => ({ state: 'down', detail, remedy });
