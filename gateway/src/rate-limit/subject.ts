/**
 * The part of a client's address that quotas count by: an IPv4 address as it is, the /64 network of an IPv6 address
 * (one customer holds all of it), anything else as it is. Bounded in length, because it becomes a key in a store.
 */
export function ipSubject(address: string): string {
  const mapped = IPV4_MAPPED.exec(address);
  if (mapped) return mapped[1] as string;
  if (!address.includes(':')) return address.slice(0, MAX_LENGTH);
  const [head = '', tail] = address.toLowerCase().split('%')[0]?.split('::') ?? [];
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  const groups = [...left, ...zeros, ...right].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${groups.join(':')}::/64`.slice(0, MAX_LENGTH);
}

const IPV4_MAPPED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;
const MAX_LENGTH = 64;
