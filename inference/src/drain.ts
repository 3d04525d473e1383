import type { Clock } from './clock.ts';

export interface DrainOptions {
  /** Makes health say that it is not ready. */
  readonly announce: () => void;
  /** Time for load balancers to notice, in ms, in which everything is answered as before. */
  readonly delayMs: number;
  /** Takes nothing more, and finishes what was accepted. */
  readonly close: () => Promise<void>;
  readonly clock: Clock;
}

/** The order in which a server stops: not ready first, then a delay in which it goes on serving, then it closes. */
export async function drain({ announce, delayMs, close, clock }: DrainOptions): Promise<void> {
  announce();
  await new Promise<void>((resolve) => clock.after(delayMs, resolve));
  await close();
}
