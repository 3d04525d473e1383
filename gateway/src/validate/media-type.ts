export interface MediaType {
  /** `type/subtype` in lower case; '' when the header is absent. */
  readonly essence: string;
  /** Value of the parameter `boundary`, unquoted. */
  readonly boundary: string | undefined;
}

const BEFORE_BOUNDARY = /;\s*boundary\s*=\s*/i;
/** Unquoted also with characters that take quotes by the standard. */
const BOUNDARY = /^(?:"((?:[^"\\]|\\.){1,70})"|([^\s;"]{1,70}))\s*(?:;|$)/;

/**
 * Reads a Content-Type header as far as it matters here. A boundary has 1 to 70 characters (RFC 2046, 5.1.1); of two,
 * none counts: they may be those of two headers.
 */
export function parseMediaType(header: string | undefined): MediaType {
  const [essence = ''] = (header ?? '').split(';', 1);
  const [, value = '', another] = (header ?? '').split(BEFORE_BOUNDARY);
  const [, quoted, token] = (another === undefined && BOUNDARY.exec(value)) || [];
  return { essence: essence.trim().toLowerCase(), boundary: quoted?.replace(/\\(.)/g, '$1') ?? token };
}
