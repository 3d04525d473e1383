export interface MediaType {
  /** `type/subtype` in lower case; '' when the header is absent. */
  readonly essence: string;
  /** Value of the parameter `boundary`, unquoted. */
  readonly boundary: string | undefined;
}

const BOUNDARY = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))\s*(?:;|$)/i;

/** Reads a Content-Type header as far as it matters here. A boundary has 1 to 70 characters (RFC 2046, 5.1.1). */
export function parseMediaType(header: string | undefined): MediaType {
  const [essence = ''] = (header ?? '').split(';', 1);
  const match = BOUNDARY.exec(header ?? '');
  return { essence: essence.trim().toLowerCase(), boundary: match?.[1] ?? match?.[2] };
}
