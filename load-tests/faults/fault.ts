import type { Site } from './site.ts';

/** A fault that has begun. */
export interface Running {
  /** Ends it; absent: it was over as soon as it had happened. */
  end?(): Promise<void> | void;
  /** Whether the part that failed is at work again. */
  recovered(): Promise<boolean>;
}

/** What stands behind the gateway. embedded: memory and control. services: Redis and PostgreSQL. */
export const LAYOUTS = ['embedded', 'services'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Something that goes wrong under load, and what callers may see of it. */
export interface Fault {
  /** For `--only`. */
  readonly name: string;
  readonly title: string;
  readonly layout: Layout;
  /** How long it lasts, in ms; 0: it happens once. */
  readonly holdMs: number;
  /** Outcomes besides 200 that are no surprise, as `503 unavailable`; none: nobody may notice. */
  readonly mayFail: readonly string[];
  /** Records may be lost, if each is counted. */
  readonly mayLose?: boolean;
  /** Why it cannot happen here; undefined when it can. */
  obstacle?(site: Site): string | undefined;
  begin(site: Site): Promise<Running>;
}
