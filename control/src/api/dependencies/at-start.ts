import { type Check, type Finding, starting } from './check.ts';

/** The embedded database opens with the first question; gateways deliver to it some seconds later. */
const STARTING_MS = 60_000;

/** A check whose part may still start when it is looked at first: until it is in order once, for a minute, down is "starting". */
export function atStart({ name, remedy, find }: Check, nowMs: () => number): Check {
  let firstMs: number | undefined;
  let wasOk = false;
  const asStarting = (detail: string): Finding | undefined =>
    !wasOk && nowMs() - (firstMs ?? 0) < STARTING_MS
      ? starting(detail, 'ask again in a few seconds')
      : undefined;
  return {
    name,
    remedy,
    late: () => asStarting('does not answer yet'),
    async find(signal) {
      firstMs ??= nowMs();
      const found = await find(signal);
      wasOk ||= found.state === 'ok';
      return (found.state === 'down' && asStarting(found.detail)) || found;
    },
  };
}
