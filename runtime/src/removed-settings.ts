/** Settings of earlier versions, most of which are constants now; each stands for the keys below it too. */
const REMOVED = new Set(
  `
  dependencies.{redis,jwks,database}.{concurrency,retry,breaker}
  records.ship capture.{queue_bytes,timeout_ms} audit.{ship,sync_interval_ms}
  audit.max_credential_keys gateway.upstream.{channels,readiness_interval_ms}
  gateway.upstream.{readiness_timeout_ms,resolve_interval_ms,retry}
  gateway.oidc.{max_token_bytes,keys.cooldown_ms} gateway.{shedding,lingering,keep_alive}
  gateway.trusted_proxies gateway.deadline.upload_ms gateway.limits.{json_bytes,image_side,image_metadata_bytes,header_bytes}
  gateway.rate_limit.{max_subjects,redis.connect_timeout_ms,redis.silence_timeout_ms}
  inference.{models_poll_ms,connection} inference.engine.{parallel_loads,restart_min_ms,restart_max_ms,nice}
  inference.limits.{message_fields,message_numbers,message_strings,image_side}
  inference.admission.{estimate_margin,estimate_max_age_ms}
  inference.admission.adaptive_limit.{target_share,window_ms}
  envoy.{body_bytes,header_kib,request_timeout_ms,downstream_idle_timeout_ms}
  envoy.{upstream_max_connections,upstream_idle_timeout_ms}
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
