/** One quota of the fields RateLimit-Policy and RateLimit. */
export interface ToldQuota {
  readonly name: string;
  readonly q: number;
  readonly w: number;
  readonly qu: string;
  readonly r: number;
  /** Undefined before the window begins. */
  readonly t: number | undefined;
}

const POLICY_ITEM = /^"([ !#-[\]-~]+)";q=(\d+);w=([1-9]\d*)(?:;qu="([a-z_]+)")?$/;
const CURRENT_ITEM = /^"([ !#-[\]-~]+)";r=(\d+)(?:;t=([1-9]\d*))?$/;

/**
 * Parses the two fields of the IETF draft.
 *
 * @throws Error when a field is malformed, or the two name different quotas
 */
export function toldQuotas(get: (field: string) => string | null | undefined): ToldQuota[] {
  const policies = itemsOf(get('ratelimit-policy'), POLICY_ITEM);
  const current = itemsOf(get('ratelimit'), CURRENT_ITEM);
  if (policies.length !== current.length) throw new Error('the fields speak of different quotas');
  return policies.map(([, name = '', q, w, qu = 'requests'], i) => {
    const [, same, r, t] = current[i] ?? [];
    if (same !== name) throw new Error('the fields speak of different quotas');
    return { name, q: Number(q), w: Number(w), qu, r: Number(r), t: t === undefined ? undefined : Number(t) };
  });
}

function itemsOf(field: string | null | undefined, item: RegExp): (string | undefined)[][] {
  if (!field) return [];
  return field.split(', ').map((text) => {
    const match = item.exec(text);
    if (!match) throw new Error(`not an item of a rate limit field: ${text}`);
    return [...match];
  });
}
