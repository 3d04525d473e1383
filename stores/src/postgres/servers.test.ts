import { ConfigError } from '@headgate/runtime/load-config';
import { describe, expect, it } from 'vitest';
import { serversOf } from './database.ts';

describe('The servers of an address', () => {
  it.each([
    ['postgres://u:p@one/db', ['postgres://u:p@one/db']],
    ['postgresql:///db?host=/run/postgresql', ['postgresql:///db?host=/run/postgresql']],
    [
      'postgres://u:p@one:1,two:2,[::1]:3/db',
      ['postgres://u:p@one:1/db', 'postgres://u:p@two:2/db', 'postgres://u:p@[::1]:3/db'],
    ],
    [
      'postgres://u:a%40%2C@one,two/db?sslmode=verify-full&target_session_attrs=read-write',
      ['postgres://u:a%40%2C@one/db?sslmode=verify-full', 'postgres://u:a%40%2C@two/db?sslmode=verify-full'],
    ],
  ])('%s', (address, servers) => {
    expect(serversOf(address)).toEqual(servers);
  });

  it.each([
    'host=one dbname=db',
    'postgres://u:secret@one:port/db',
    'postgres://u:secret@one,two/db?target_session_attrs=prefer-standby',
  ])('are not guessed from %s, and the refusal does not repeat it', (address) => {
    const read = () => serversOf(address);
    expect(read).toThrow(ConfigError);
    expect(read).not.toThrow(/secret/);
    expect(read).toThrow(/^address of PostgreSQL: expected /);
  });
});
