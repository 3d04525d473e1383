import { signal } from '@preact/signals';

/** Difference between the clock of control and that of the browser, in ms: a wrong clock here must not age figures. */
let offsetMs = 0;

/** The time of control, each second. */
export const now = signal(Date.now());

export function startClock(): void {
  setInterval(tick, 1000);
}

/** Control's clock showed `atMs` just now. */
export function setServerTime(atMs: number): void {
  offsetMs = atMs - Date.now();
  tick();
}

function tick(): void {
  now.value = Date.now() + offsetMs;
}
