import type { Site } from './site.ts';

/** A fault that has begun. */
interface Running {
  /** Ends it; absent for a fault that happens once. */
  end?(): Promise<void> | void;
  /** Whether the part that failed is at work again. */
  recovered(): Promise<boolean>;
}

/** Stores behind the gateway. embedded: memory and control. services: Redis and PostgreSQL. */
export const LAYOUTS = ['embedded', 'services'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** A fault under load, and the failures that callers may see. */
export interface Fault {
  /** For `--only`. */
  readonly name: string;
  readonly title: string;
  readonly layout: Layout;
  /** How long it lasts, in ms; 0: it happens once. */
  readonly holdMs: number;
  /** Outcomes that are expected beside 200, as `503 unavailable`; none: no request may fail. */
  readonly mayFail: readonly string[];
  /** Records may be lost, if each is counted. */
  readonly mayLose?: boolean;
  /** Why it cannot happen here; undefined when it can. */
  obstacle?(site: Site): string | undefined;
  begin(site: Site): Promise<Running>;
}
