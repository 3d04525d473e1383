/**
 * A UUID of version 7 (RFC 9562, 5.7): 48 bits of time, then random, so that ids sort by time. The random part is
 * that of a version 4 UUID, whose variant bits lie in the same place: hosts keep random bytes ready for these.
 */
export function uuidV7(epochMs: number): string {
  const time = Math.floor(epochMs).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`;
}
