import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { clientIpOf } from './client-ip.ts';

const TRUSTED = ['127.0.0.0/8', '10.0.0.0/8', '::1/128'];

function clientIp(peer: string, forwarded?: string): string {
  const incoming = { socket: { remoteAddress: peer }, headers: { 'x-forwarded-for': forwarded } };
  return clientIpOf(TRUSTED)(new Request('http://x/'), { incoming: incoming as unknown as IncomingMessage });
}

describe('clientIpOf', () => {
  it.each([
    ['a direct client', '203.0.113.9', undefined, '203.0.113.9'],
    ['a direct client that claims to be another', '203.0.113.9', '1.2.3.4', '203.0.113.9'],
    ['one trusted proxy', '127.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['two trusted proxies', '127.0.0.1', '203.0.113.9, 10.1.2.3', '203.0.113.9'],
    ['a forged entry left of the true one', '127.0.0.1', '1.2.3.4, 203.0.113.9', '203.0.113.9'],
    ['a forged trusted entry left of the true one', '127.0.0.1', '10.0.0.1,203.0.113.9', '203.0.113.9'],
    ['only trusted hops', '127.0.0.1', '10.0.0.1', '10.0.0.1'],
    ['garbage where a proxy would write', '127.0.0.1', '203.0.113.9, unknown', '127.0.0.1'],
    ['an empty header', '127.0.0.1', '', '127.0.0.1'],
    ['IPv4 on a dual-stack socket', '::ffff:127.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
    ['IPv6', '::1', '2001:db8::7', '2001:db8::7'],
    ['a socket that is gone', '', '203.0.113.9', ''],
  ])('answers for %s', (_, peer, forwarded, client) => {
    expect(clientIp(peer, forwarded)).toBe(client);
  });

  it('reads a bounded number of hops', () => {
    const header = `203.0.113.9${', 10.0.0.1'.repeat(5000)}`;
    expect(clientIp('127.0.0.1', header)).toBe('10.0.0.1');
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '::/129', 'localhost/8', '10.0.0.0/', '10.0.0.0/-1'])(
    'refuses %j as a proxy, with the path of the setting',
    (block) => {
      expect(() => clientIpOf([block])).toThrow(/^gateway\.trusted_proxies: expected CIDR/);
    },
  );
});
