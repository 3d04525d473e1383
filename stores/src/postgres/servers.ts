import { ConfigError } from '@headgate/runtime/load-config';

const ADDRESS = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^@/?#]*)([/?#].*)?$/;
/** What libpq calls a server that takes writes; anything else would be of no use here. */
const WRITABLE = ['read-write', 'primary'];

/**
 * One URL for each server of an address that names one or several, as libpq writes it:
 * `postgres://user@one:5432,two:5432/database?target_session_attrs=read-write`. node-postgres knows neither lists of
 * servers nor that option.
 *
 * @throws ConfigError without the address: it holds a password
 */
export function serversOf(address: string): string[] {
  const [, login, hosts = '', rest = ''] = ADDRESS.exec(address) ?? [];
  if (login === undefined) throw refused('postgres://user:password@host:port/database');
  return hosts.split(',').map((host) => serverOf(`${login}${host}${rest}`));
}

function serverOf(text: string): string {
  const url = URL.parse(text);
  if (url === null) throw refused('host:port, or several with commas between them');
  const wanted = url.searchParams.get('target_session_attrs');
  if (wanted === null) return text;
  if (!WRITABLE.includes(wanted)) throw refused('target_session_attrs=read-write');
  url.searchParams.delete('target_session_attrs');
  return url.href;
}

function refused(expected: string): ConfigError {
  return new ConfigError(`address of PostgreSQL: expected ${expected}`);
}
