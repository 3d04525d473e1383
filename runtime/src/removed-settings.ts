/** Settings of earlier versions that are constants now; each stands for the keys below it too. */
const REMOVED = new Set(
  `
  dependencies.{redis,jwks,database}.{concurrency,retry,breaker}
  gateway.upstream.channels records.ship capture.{queue_bytes,timeout_ms} audit.{ship,sync_interval_ms}
`
    .trim()
    .split(/\s+/)
    .flatMap(expand),
);

/** Whether this key was a setting once. */
export const isRemoved = (path: string): boolean => REMOVED.has(path);

/** `a.{b,c}.d` stands for `a.b.d` and `a.c.d`. */
function expand(pattern: string): string[] {
  const [, before = '', names, after = ''] = /^(.*?)\{([^}]*)\}(.*)$/.exec(pattern) ?? [];
  return names === undefined ? [pattern] : names.split(',').flatMap((name) => expand(before + name + after));
}
