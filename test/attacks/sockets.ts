import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A socket that others can reach: TCP and unix sockets that listen, UDP sockets that are bound. */
export interface OpenSocket {
  readonly pid: number;
  readonly kind: 'tcp' | 'udp' | 'unix';
  /** An address, or the path of a unix socket; '@' where it has none. */
  readonly host: string;
  /** 0 for unix sockets. */
  readonly port: number;
}

const TABLES = [
  { name: 'tcp', kind: 'tcp', state: '0A' },
  { name: 'tcp6', kind: 'tcp', state: '0A' },
  { name: 'udp', kind: 'udp', state: '07' },
  { name: 'udp6', kind: 'udp', state: '07' },
] as const;

/** Every socket of these processes that others can reach, from Linux's /proc. */
export function openSocketsOf(pids: readonly number[]): OpenSocket[] {
  return pids.flatMap((pid) => {
    const inodes = inodesOf(pid);
    return [...internetSockets(pid), ...unixSockets(pid)]
      .filter(({ inode }) => inodes.has(inode))
      .map(({ socket }) => socket);
  });
}

function internetSockets(pid: number) {
  return TABLES.flatMap(({ name, kind, state }) =>
    rowsOf(pid, name).flatMap(([, local = '', , found, , , , , , inode = '']) => {
      const [host = '', port = ''] = local.split(':');
      if (found !== state) return [];
      return [{ inode, socket: { pid, kind, host: addressOf(host), port: Number.parseInt(port, 16) } }];
    }),
  );
}

/** `Flags` of a socket that accepts connections. */
const ACCEPTS = '00010000';

function unixSockets(pid: number) {
  return rowsOf(pid, 'unix').flatMap(([, , , flags, , , inode = '', path = '@']) =>
    flags === ACCEPTS ? [{ inode, socket: { pid, kind: 'unix' as const, host: path, port: 0 } }] : [],
  );
}

function rowsOf(pid: number, table: string): string[][] {
  const [, ...rows] = readFileSync(`/proc/${pid}/net/${table}`, 'utf8').trim().split('\n');
  return rows.map((row) => row.trim().split(/\s+/));
}

function inodesOf(pid: number): Set<string> {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return ''; // closed since
    }
  });
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

/** Words of four bytes, each with its last byte first. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => `${bytes[2 * i]}${bytes[2 * i + 1]}`);
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
